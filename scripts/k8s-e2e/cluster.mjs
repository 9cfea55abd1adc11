// The whole of an overlay as podman containers on one bridge: pods, volumes, policies, service, and what rollouts and schedulers do.
import { randomInt } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startApiServer } from "./api-server.mjs";
import { podOf } from "./manifests.mjs";
import { NetworkPolicies } from "./network-policies.mjs";
import { Pod } from "./pod.mjs";
import { logs, podman } from "./podman.mjs";
import { Service } from "./service.mjs";
import { Volumes } from "./volumes.mjs";

/** Also on a machine that has ten times more to do than it can. */
const READY_WITHIN_MS = 300_000;

export class Cluster {
  prefix = `mk8s${randomInt(36 ** 3, 36 ** 4).toString(36)}`;
  network = this.prefix;
  hostAddress = "";
  /** @type {Pod[]} */
  pods = [];
  /** Instead of the manifests' one, until an upgrade. */
  earlierImage;
  /** Of `startPrometheus`. */
  prometheus;
  /** By name of the Job: its pod. */
  jobs = new Map();
  /** Nodes that take no new pods. */
  cordoned = new Set();
  /** Of the pods with these names: claims that go when the pod does. */
  terminatingClaims = new Set();
  #generation = 0;
  #accounts = new Map();
  #api;

  constructor(objects, nodes, say) {
    this.objects = objects;
    this.nodes = nodes;
    this.say = say;
    this.directory = mkdtempSync(join(tmpdir(), "millrace-k8s-"));
    mkdirSync(join(this.directory, "volumes"));
    this.volumes = new Volumes(join(this.directory, "volumes"), objects, (account) => this.accountDirectory(account));
    this.sets = objects.filter(({ kind }) => kind === "StatefulSet" || kind === "Deployment");
    this.services = objects.flatMap(({ kind, metadata, spec }) =>
      kind === "Service" && spec.clusterIP !== "None" ? [metadata.name] : [],
    );
  }

  async start() {
    await podman("network", "create", this.network);
    const [{ subnets }] = JSON.parse(await podman("network", "inspect", this.network));
    this.hostAddress = subnets[0].gateway;
    this.policies = new NetworkPolicies(this.objects, () => this.pods, this.hostAddress);
    // The bridge is there, and with it our address on it, only while a container is.
    await podman("run", "--detach", "--name", `${this.prefix}-pause`, "--network", this.network, ...this.#pause());
    const { directory, hostAddress: host, nodes, objects } = this;
    this.#api = await startApiServer({ directory, host, nodes, objects });
    await this.#startService();
    const wanted = this.sets.flatMap((set) => Array.from({ length: set.spec.replicas }, (_, index) => [set, index]));
    await Promise.all(wanted.map(([set, index]) => this.#add(set, index)));
    await this.ready();
  }

  #pause() {
    const { image } = this.sets[0].spec.template.spec.containers[0];
    return ["--ulimit", "nofile=64:64", "--ulimit", "nproc=64:64", "--entrypoint", "sleep", image, "1000000"];
  }

  async #startService() {
    const { spec } = this.objects.find(({ kind, spec }) => kind === "Service" && spec.clusterIP !== "None");
    const [{ port, targetPort }] = spec.ports;
    const ready = () => this.pods.filter((pod) => pod.isReady && matches(spec.selector, pod.labels));
    const portOf = this.sets
      .flatMap((set) => set.spec.template.spec.containers[0].ports)
      .find(({ name }) => name === targetPort).containerPort;
    this.service = new Service(() => ready().map(({ address }) => address), portOf);
    await this.service.listen(this.hostAddress, port);
    this.endpoint = `http://${this.hostAddress}:${port}`;
  }

  accountDirectory(account) {
    if (!this.#accounts.has(account)) this.#accounts.set(account, this.#api.accountDirectory(account));
    return this.#accounts.get(account);
  }

  async #add(set, index, nodeName) {
    const names = [...this.nodes.keys()];
    const definition = podOf(set, index, names, this.#generation);
    const pod = new Pod(this, nodeName === undefined ? definition : { ...definition, nodeName });
    pod.index = index;
    this.pods.push(pod);
    await pod.start();
    return pod;
  }

  of(component) {
    return this.pods.filter((pod) => pod.component === component);
  }

  async ready(pods = this.pods, withinMs = READY_WITHIN_MS) {
    const deadline = performance.now() + withinMs;
    while (!pods.every((pod) => pod.isReady)) {
      if (performance.now() > deadline) {
        const late = pods.filter((pod) => !pod.isReady);
        const logs = await Promise.all(late.map(async (pod) => `${pod.name}: ${await this.log(pod)}`));
        throw new Error(`not ready within ${withinMs} ms:\n${logs.join("\n")}`);
      }
      await sleep(100);
    }
  }

  /** As a StatefulSet's rolling update (last first, each ready before the next), or a Deployment's (one more, then one less). */
  async rolloutRestart(set, onPod = async () => {}) {
    this.#generation++;
    for (const pod of this.pods
      .filter((each) => each.set === set.metadata.name)
      .toSorted((a, b) => b.index - a.index)) {
      if (set.kind === "Deployment") await this.ready([await this.#add(set, pod.index)]);
      const stopped = await this.#delete(pod, () => pod.stop());
      const next = set.kind === "Deployment" ? pod : await this.#add(set, pod.index);
      if (next !== pod) await this.ready([next]);
      await onPod(pod, stopped, next);
    }
  }

  async #delete(pod, how) {
    const result = await how();
    this.pods = this.pods.filter((other) => other !== pod);
    await this.policies.apply();
    return result;
  }

  /** All pods that are wanted are there, and ready. */
  async complete(withinMs = READY_WITHIN_MS) {
    const wanted = this.sets.reduce((sum, set) => sum + set.spec.replicas, 0);
    const deadline = performance.now() + withinMs;
    while (this.pods.length < wanted && performance.now() < deadline) await sleep(100);
    await this.ready(this.pods, withinMs);
  }

  /** Pods that are missing are made where nodes take them: one with a volume on its own node only, another anywhere. */
  reconcile() {
    for (const set of this.sets) {
      for (let index = 0; index < set.spec.replicas; index++) {
        if (this.pods.some((pod) => pod.set === set.metadata.name && pod.index === index)) continue;
        const names = [...this.nodes.keys()];
        const own = names[index % names.length];
        const open = names.filter((name) => !this.cordoned.has(name));
        const nodeName = set.kind === "StatefulSet" || open.includes(own) ? own : open[0];
        if (nodeName === undefined || this.cordoned.has(nodeName)) continue;
        this.#generation++;
        this.#add(set, index, nodeName).catch((error) => this.say(error.message));
      }
    }
  }

  /** As `kubectl scale`: pods that are missing come all at once (podManagementPolicy: Parallel), those too many go, the last one first. */
  async scale(name, replicas) {
    const set = this.sets.find(({ metadata }) => metadata.name === name);
    set.spec.replicas = replicas;
    const surplus = this.pods.filter((pod) => pod.set === name && pod.index >= replicas);
    for (const pod of surplus.toSorted((a, b) => b.index - a.index)) await this.deletePod(pod, false);
    this.reconcile();
  }

  /** As `kubectl delete pod --force --grace-period=0`, or without those. */
  async deletePod(pod, isForced, graceMs) {
    await this.#delete(pod, () => (isForced ? pod.kill() : pod.stop(graceMs)));
    if (this.terminatingClaims.delete(pod.name)) await this.volumes.deleteClaim(pod.name);
  }

  /** A claim that a pod uses goes when the pod does. */
  async deleteClaim(podName) {
    if (this.pods.some(({ name }) => name === podName)) this.terminatingClaims.add(podName);
    else await this.volumes.deleteClaim(podName);
  }

  hasClaim(podName) {
    return existsSync(this.volumes.claimPath(podName));
  }

  /** One pod, which is never made again. */
  async runJob(job) {
    const { metadata, spec } = job.spec.template;
    const [nodeName] = this.nodes.keys();
    const component = metadata.labels["app.kubernetes.io/component"];
    const name = `${job.metadata.name}-${randomInt(36 ** 3, 36 ** 4).toString(36)}`;
    const pod = new Pod(this, { name, component, labels: { ...metadata.labels }, nodeName, spec, claims: [] });
    this.jobs.set(job.metadata.name, pod);
    await pod.start();
    return pod;
  }

  async log(pod, lines = 15) {
    return logs(pod.containerName, "--tail", String(lines)).catch(() => "no log");
  }

  async metrics(pod) {
    const { containerPort } = pod.container.ports.find(({ name }) => name === "admin");
    const response = await fetch(`http://${pod.address}:${containerPort}/metrics`, {
      signal: AbortSignal.timeout(2_000),
    });
    return response.text();
  }

  /** Shards that lack a copy or a leader, as the leading controller has it; undefined when a controller does not answer. */
  async shardsInNeed() {
    const texts = await Promise.all(this.of("controller").map((pod) => this.metrics(pod).catch(() => "")));
    const counts = texts.flatMap((text) => [
      ...text.matchAll(/^millrace_(?:under_replicated|leaderless)_shards\S* (\d+)$/gm),
    ]);
    if (counts.length < 2 * texts.length) return undefined;
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Every pod is ready, and every shard fully replicated. */
  async healthy(withinMs = READY_WITHIN_MS) {
    const deadline = performance.now() + withinMs;
    for (;;) {
      await this.complete(withinMs);
      if ((await this.shardsInNeed()) === 0) return;
      if (performance.now() > deadline) throw new Error(`not fully replicated within ${withinMs} ms`);
      await sleep(200);
    }
  }

  async destroy() {
    await this.prometheus?.close();
    this.service?.close();
    this.#api?.close();
    await Promise.allSettled([...this.pods, ...this.jobs.values()].map((pod) => pod.kill()));
    await podman("rm", "--force", "--volumes", "--time", "0", `${this.prefix}-pause`).catch(() => {});
    await podman("network", "rm", "--force", this.network).catch(() => {});
    await this.volumes.destroy();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const matches = (selector, labels) => Object.entries(selector).every(([key, value]) => labels[key] === value);
