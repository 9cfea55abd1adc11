// Volumes of pods. A claim is a file system of the requested size in a file, where this machine can mount one, else a folder.
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf, named, secretData } from "./manifests.mjs";
import { sh } from "./podman.mjs";

export class Volumes {
  #directory;
  #objects;
  #accountDirectory;
  #mounted = new Set();
  areGrowable = false;

  /** @param accountDirectory where a service account's token is, by its name */
  constructor(directory, objects, accountDirectory) {
    this.#directory = directory;
    this.#objects = objects;
    this.#accountDirectory = accountDirectory;
  }

  get areFileSystems() {
    return this.#mounted.size > 0;
  }

  /** Where each of the pod's volumes is on this machine, by its name in the pod. */
  async of(pod) {
    const { fsGroup } = pod.spec.securityContext ?? {};
    const paths = new Map();
    for (const volume of pod.spec.volumes ?? []) paths.set(volume.name, this.#make(pod, volume, fsGroup));
    for (const claim of pod.claims) paths.set(claim.metadata.name, await this.#claim(pod, claim, fsGroup));
    return paths;
  }

  #make(pod, { name, emptyDir, secret, configMap, projected }, fsGroup) {
    const isAccount = projected?.sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined);
    if (isAccount) return this.#accountDirectory(pod.spec.serviceAccountName ?? "default");
    const path = join(this.#directory, "pods", pod.name, name);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
    if (emptyDir !== undefined) chmodSync(path, 0o777);
    const files =
      secret !== undefined
        ? secretData(named(this.#objects, "Secret", secret.secretName))
        : configMap !== undefined
          ? named(this.#objects, "ConfigMap", configMap.name).data
          : {};
    for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text, { mode: 0o644 });
    if (fsGroup !== undefined) chownSync(path, 0, fsGroup);
    return path;
  }

  async #claim(pod, { metadata, spec }, fsGroup) {
    const path = this.claimPath(pod.name, metadata.name);
    if (existsSync(path)) return path;
    mkdirSync(path, { recursive: true });
    const image = `${path}.img`;
    try {
      writeFileSync(image, "");
      truncateSync(image, bytesOf(spec.resources.requests.storage));
      await this.#format(image);
      await sh("mount", "-o", "loop", image, path);
      this.#mounted.add(path);
    } catch {
      rmSync(image, { force: true });
    }
    chownSync(path, 0, fsGroup ?? 0);
    chmodSync(path, 0o2775);
    return path;
  }

  /** XFS where there is one: growing an ext4 that is mounted takes a capability (CAP_SYS_RESOURCE) that not every root has. */
  async #format(image) {
    try {
      await sh("mkfs.xfs", "-q", image);
      this.areGrowable = true;
    } catch {
      await sh("mkfs.ext4", "-q", "-m", "0", image);
    }
  }

  claimPath(podName, claimName = "data") {
    return join(this.#directory, "claims", `${claimName}-${podName}`);
  }

  /** As `kubectl delete pvc`: the next pod of that name gets an empty one. */
  async deleteClaim(podName, claimName = "data") {
    const path = this.claimPath(podName, claimName);
    if (this.#mounted.delete(path)) await sh("umount", path);
    rmSync(path, { recursive: true, force: true });
    rmSync(`${path}.img`, { force: true });
  }

  /** As a CSI driver that allows expansion does it: the file system grows under the process that uses it. */
  async growClaim(podName, sizeBytes, claimName = "data") {
    const path = this.claimPath(podName, claimName);
    const image = `${path}.img`;
    truncateSync(image, sizeBytes);
    const device = (await sh("findmnt", "--noheadings", "--output", "SOURCE", path)).trim();
    await sh("losetup", "--set-capacity", device);
    await sh("xfs_growfs", path);
  }

  async destroy() {
    for (const path of this.#mounted) await sh("umount", path);
    this.#mounted.clear();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
