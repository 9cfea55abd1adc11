// The Kubernetes manifests without a Kubernetes: their form against the types generated from its OpenAPI document (a field that it does
// not know is a mistake, as with `kubectl apply --validate=strict`), and that what names something names something that is there.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseObjects, secretData, selects } from "./k8s-e2e/manifests.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  v1: "core/v1",
  "apps/v1": "apps/v1",
  "batch/v1": "batch/v1",
  "policy/v1": "policy/v1",
  "networking.k8s.io/v1": "networking/v1",
  "rbac.authorization.k8s.io/v1": "rbac/v1",
};
/** Not Kubernetes's own: of kustomize, kind, the Prometheus operator, Chaos Mesh, cert-manager. */
const FOREIGN =
  /^(kustomize\.config\.k8s\.io|kind\.x-k8s\.io|monitoring\.coreos\.com|chaos-mesh\.org|cert-manager\.io)\//;

// oxlint-disable-next-line typescript/no-explicit-any -- what a manifest holds is what is in question
type KubeObject = any;

function* yamlFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* yamlFiles(path);
    else if (entry.name.endsWith(".yaml")) yield path;
  }
}

/** With kubectl what it renders; without it the base's files, which have everything but the overlays' changes. */
const hasKubectl = (() => {
  try {
    execFileSync("kubectl", ["version", "--client"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

const objectsOfFile = (path: string): KubeObject[] => parseObjects(readFileSync(path, "utf8"));
const rendered = (folder: string): KubeObject[] =>
  parseObjects(execFileSync("kubectl", ["kustomize", join(root, "k8s", folder)], { encoding: "utf8" }));
const base = [...yamlFiles(join(root, "k8s/base"))]
  .flatMap(objectsOfFile)
  .filter(({ apiVersion }) => !FOREIGN.test(apiVersion));

/** Errors of the compiler; none is right. */
function wrongIn(objects: readonly KubeObject[]): string {
  const own = objects.filter(({ apiVersion }) => !FOREIGN.test(apiVersion));
  const lines = own.map((object, index) => {
    const module = TYPES[object.apiVersion];
    if (module === undefined) return `export const unknown${index}: never = ${JSON.stringify(object.apiVersion)};`;
    const type = `import("${root}node_modules/kubernetes-types/${module}").${object.kind}`;
    return `export const object${index}: ${type} = ${JSON.stringify(object, undefined, 1)};`;
  });
  const directory = mkdtempSync(join(tmpdir(), "millrace-manifests-"));
  try {
    writeFileSync(join(directory, "manifests.ts"), lines.join("\n"));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const options = "--noEmit --strict --module esnext --moduleResolution bundler --types".split(" ");
    execFileSync(process.execPath, [compiler, ...options, "", "manifests.ts"], { cwd: directory, encoding: "utf8" });
    return "";
  } catch (error) {
    return (error as { stdout: string }).stdout;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe("the form", () => {
  test("every file of ours has the fields that Kubernetes knows, and no others", () => {
    const files = [...yamlFiles(join(root, "k8s"))].flatMap(objectsOfFile);
    expect(files.length).toBeGreaterThan(20);
    expect(wrongIn(files)).toBe("");
  });

  test.runIf(hasKubectl)("so has what kubectl renders", () => {
    const all = ["overlays/kind", "overlays/kind-peer-tls", "overlays/production", "chaos"].flatMap(rendered);
    expect(wrongIn(all)).toBe("");
  });

  test("a mistake in it is found", () => {
    const set = base.find(({ kind }) => kind === "StatefulSet");
    const misspelt = structuredClone(set);
    misspelt.spec.template.spec.containers[0].readinesProbe = { httpGet: { path: "/readyz", port: "admin" } };
    expect(wrongIn([misspelt])).toContain("readinesProbe");
    const mistyped = structuredClone(set);
    mistyped.spec.replicas = "3";
    expect(wrongIn([mistyped])).toContain("not assignable");
    const incomplete = structuredClone(set);
    delete incomplete.spec.selector;
    expect(wrongIn([incomplete])).toContain("selector");
  }, 120_000);
});

const sources: [string, () => KubeObject[]][] = [["the base's files", () => base]];
if (hasKubectl) {
  sources.push(["overlays/kind with chaos", () => [...rendered("overlays/kind"), ...rendered("chaos")]]);
  sources.push(["overlays/kind-peer-tls", () => rendered("overlays/kind-peer-tls")]);
  sources.push(["overlays/production", () => rendered("overlays/production")]);
}

describe.each(sources)("what %s name", (source, load) => {
  const objects = load();
  const workloads = objects.filter(({ kind }) => ["StatefulSet", "Deployment", "Job"].includes(kind));
  const pods = workloads.map(({ spec }) => spec.template);
  const containers = pods.flatMap(({ spec }) => [...(spec.initContainers ?? []), ...spec.containers]);

  test("volumes are mounted that are there, and none for nothing", () => {
    for (const { spec } of workloads) {
      const pod = spec.template.spec;
      const there = [
        ...(pod.volumes ?? []),
        ...(spec.volumeClaimTemplates ?? []).map((claim: KubeObject) => claim.metadata),
      ];
      const mounted = [...(pod.initContainers ?? []), ...pod.containers].flatMap(
        ({ volumeMounts = [] }) => volumeMounts,
      );
      expect(new Set(mounted.map(({ name }) => name))).toEqual(new Set(there.map(({ name }) => name)));
    }
  });

  test("nobody is given a service account's token but init containers", () => {
    for (const { spec } of pods) {
      expect(spec.automountServiceAccountToken).toBe(false);
      const projected = (spec.volumes ?? []).filter((volume: KubeObject) => volume.projected !== undefined);
      const mounted = spec.containers.flatMap(({ volumeMounts = [] }: KubeObject) => volumeMounts);
      for (const { name } of projected) expect(mounted.map((mount: KubeObject) => mount.name)).not.toContain(name);
    }
  });

  test("probes and services ask ports that a container has", () => {
    for (const { ports = [], startupProbe, readinessProbe, livenessProbe } of containers) {
      for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
        if (probe !== undefined) expect(ports.map(({ name }: KubeObject) => name)).toContain(probe.httpGet.port);
      }
    }
    for (const { spec } of objects.filter(({ kind }) => kind === "Service")) {
      const selected = pods.filter(({ metadata }) => selects({ matchLabels: spec.selector }, metadata.labels));
      expect(selected).not.toEqual([]);
      const ports = selected.flatMap((pod) => pod.spec.containers.flatMap((container: KubeObject) => container.ports));
      for (const { port, targetPort = port } of spec.ports) {
        expect(ports.some(({ name, containerPort }) => name === targetPort || containerPort === targetPort)).toBe(true);
      }
    }
  });

  test("selectors select their pods, and budgets keep a quorum", () => {
    for (const { kind, spec } of workloads) {
      if (kind !== "Job") expect(selects(spec.selector, spec.template.metadata.labels)).toBe(true);
    }
    const budgets = objects.filter(({ kind }) => kind === "PodDisruptionBudget");
    expect(budgets).toHaveLength(3);
    for (const { spec } of budgets) {
      expect(pods.some(({ metadata }) => selects(spec.selector, metadata.labels))).toBe(true);
      expect(spec.maxUnavailable).toBe(1);
    }
  });

  test("nothing runs with more rights than the namespace admits (pod security: restricted)", () => {
    for (const { spec } of pods) {
      expect(spec.securityContext.runAsNonRoot).toBe(true);
      expect(spec.securityContext.seccompProfile.type).toBe("RuntimeDefault");
      expect(spec).not.toHaveProperty("hostNetwork");
    }
    for (const { securityContext, resources } of containers) {
      expect(securityContext.allowPrivilegeEscalation).toBe(false);
      expect(securityContext.readOnlyRootFilesystem).toBe(true);
      expect(securityContext.capabilities.drop).toEqual(["ALL"]);
      expect(resources.requests).toHaveProperty("memory");
      expect(resources.limits).toHaveProperty("memory");
    }
  });

  test("the program knows every variable that it is given", () => {
    const help = execFileSync(process.execPath, [join(root, "packages/cli/bin/millrace.mjs"), "help", "start"], {
      encoding: "utf8",
    });
    const known = new Set([...help.replace(/\s+/g, " ").matchAll(/env: (MILLRACE_\w+)/g)].map(([, name]) => name));
    known.add("MILLRACE_NODE_NAME");
    const given = containers.flatMap(({ env = [] }) => env.map(({ name }: KubeObject) => name));
    const configured = objects.filter(({ kind }) => kind === "ConfigMap").flatMap(({ data }) => Object.keys(data));
    for (const name of [...given, ...configured]) expect(known).toContain(name);
  });

  test.skipIf(source === "the base's files")(
    "config maps, secrets and accounts are there, or said to be the operator's",
    () => {
      const names = (kind: string): string[] =>
        objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);
      for (const { envFrom = [] } of containers) {
        for (const { configMapRef } of envFrom) expect(names("ConfigMap")).toContain(configMapRef.name);
      }
      for (const { spec } of pods) {
        if (spec.serviceAccountName !== undefined) expect(names("ServiceAccount")).toContain(spec.serviceAccountName);
        const secrets = (spec.volumes ?? []).flatMap(({ secret }: KubeObject) =>
          secret === undefined ? [] : [secret.secretName],
        );
        // k8s/README.md: production's is not in the repository, nor are private keys.
        const own = secrets.filter((name: string) => name !== "millrace-peer-tls");
        if (source.includes("kind")) for (const name of own) expect(names("Secret")).toContain(name);
        else expect(secrets).toEqual(spec.serviceAccountName === undefined ? ["millrace-credentials"] : []);
      }
      for (const secret of objects.filter(({ kind }) => kind === "Secret")) {
        expect(JSON.parse(secretData(secret)["credentials.json"])).toHaveLength(1);
      }
    },
  );
});

describe("mutual TLS between nodes (components/peer-tls)", () => {
  const issued = objectsOfFile(join(root, "k8s/components/peer-tls/cert-manager.yaml"));
  const certificate = issued.find(({ metadata }) => metadata.name === "millrace-peer-tls");

  test("S06: the certificate names every node as others reach it, also brokers that are added", () => {
    const controllers = parseObjects(readFileSync(join(root, "k8s/base/kustomization.yaml"), "utf8"))
      .flatMap(({ configMapGenerator }: KubeObject) => configMapGenerator[0].literals as string[])
      .find((literal) => literal.startsWith("MILLRACE_CONTROLLERS="));
    const hosts = [...(controllers ?? "").matchAll(/=([\w.-]+):7000/g)].map(([, host]) => host);
    expect(hosts).toHaveLength(3);
    for (let index = 0; index < 6; index++) hosts.push(`millrace-broker-${index}.millrace-broker`);
    expect(certificate.spec.dnsNames).toEqual(hosts);
    expect(certificate.spec.usages).toEqual(expect.arrayContaining(["server auth", "client auth"]));
    const advertised = base
      .filter(({ kind }) => kind === "StatefulSet")
      .flatMap(({ spec }) => spec.template.spec.containers[0].env)
      .filter(({ name }) => name === "MILLRACE_ADVERTISE");
    expect(new Set(advertised.map(({ value }) => value.replace("$(MILLRACE_ID)", "POD")))).toEqual(
      new Set(["POD.millrace-broker:7000", "POD.millrace-controller:7000"]),
    );
  });

  test.runIf(hasKubectl)("S06: controllers, brokers and gateways get its files, and nobody else", () => {
    const workloads = rendered("overlays/kind-peer-tls").filter(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind));
    expect(workloads).toHaveLength(3);
    for (const { spec } of workloads) {
      const { volumes, containers, initContainers = [] } = spec.template.spec;
      const volume = volumes.find(({ name }: KubeObject) => name === "peer-tls");
      expect(volume.secret.secretName).toBe(certificate.spec.secretName);
      const [container] = containers;
      const mount = container.volumeMounts.find(({ name }: KubeObject) => name === "peer-tls");
      const given = container.env.filter(({ name }: KubeObject) => name.startsWith("MILLRACE_PEER_"));
      // The names that cert-manager gives the parts of a secret.
      expect(Object.fromEntries(given.map(({ name, value }: KubeObject) => [name, value]))).toEqual({
        MILLRACE_PEER_CA: `${mount.mountPath}/ca.crt`,
        MILLRACE_PEER_CERTIFICATE: `${mount.mountPath}/tls.crt`,
        MILLRACE_PEER_KEY: `${mount.mountPath}/tls.key`,
      });
      for (const { volumeMounts } of initContainers) {
        expect(volumeMounts.map(({ name }: KubeObject) => name)).not.toContain("peer-tls");
      }
    }
  });
});

test.runIf(hasKubectl)(
  "everything is in the namespace of the pods, monitoring and mutual TLS added to production",
  () => {
    const overlay = mkdtempSync(join(tmpdir(), "millrace-overlay-"));
    const ours = (folder: string): string => relative(overlay, join(root, "k8s", folder));
    try {
      const components = [ours("components/monitoring"), ours("components/peer-tls")];
      const overlayOfAnOperator = { resources: [ours("overlays/production")], components };
      writeFileSync(join(overlay, "kustomization.yaml"), JSON.stringify(overlayOfAnOperator));
      const objects = rendered(relative(join(root, "k8s"), overlay));
      expect(objects.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["PodMonitor", "PrometheusRule"]));
      const namespaced = objects.filter(({ kind }) => !/^(Namespace|ClusterRole|ClusterRoleBinding)$/.test(kind));
      for (const { kind, metadata } of namespaced) expect([kind, metadata.namespace]).toEqual([kind, "millrace"]);
    } finally {
      rmSync(overlay, { recursive: true });
    }
  },
);
