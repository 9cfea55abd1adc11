// Runs every pod of an overlay as `kubectl kustomize` renders it, with podman instead of a cluster, and breaks them under the verifier:
//   npm run k8s-e2e -- [--overlay kind] [--build] [--upgrade-from COMMIT] [--only TEXT,TEXT] [--json FILE] [--record FILE]
// Needs root on Linux, podman and runc, kubectl, iptables, openssl; for a volume that grows xfsprogs, for alerts prometheus; --build also
// buildah and debootstrap. Everything is removed at the end. What a real API server would add is in k8s/README.md. Ends with 1 when
// anything was lost, repeated or reordered.
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startPrometheus } from "./alerts.mjs";
import { Cluster } from "./cluster.mjs";
import { FAULTS, runScript } from "./faults.mjs";
import { buildImage, imageFacts } from "./image.mjs";
import { startKubectl } from "./kubectl.mjs";
import { Load } from "./load.mjs";
import { bytesOf, kindNodes, render } from "./manifests.mjs";
import { peerTlsSecrets } from "./peer-tls.mjs";
import { peakMib } from "./podman.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const IDLE_MS = 15_000;

const { values } = parseArgs({
  options: {
    overlay: { type: "string", default: "kind" },
    build: { type: "boolean", default: false },
    "upgrade-from": { type: "string" },
    only: { type: "string", default: "" },
    json: { type: "string" },
    record: { type: "string" },
  },
});
const say = (line) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);

const IMAGE = "millrace:latest";
const EARLIER_IMAGE = "millrace:earlier";
if (values.build) await buildImage(root, IMAGE, say);
const earlier = values["upgrade-from"];
if (earlier !== undefined) await buildImage(root, EARLIER_IMAGE, say, earlier);
const image = await imageFacts(IMAGE);
say(`image: ${image.sizeMb} MB, user ${image.user}`);

const directory = join(root, "k8s/overlays", values.overlay);
const nodesFile = join(root, "k8s/overlays/kind/cluster.yaml");
if (!existsSync(directory)) throw new Error(`no overlay ${values.overlay}`);
const rendered = render(directory);
const cluster = new Cluster([...rendered, ...peerTlsSecrets(root, rendered)], kindNodes(nodesFile), say);
if (earlier !== undefined) cluster.earlierImage = EARLIER_IMAGE;
const load = new Load();
let kubectl;
const report = { date: new Date().toISOString(), image, pods: [], faults: {}, missing: {} };
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => void cluster.destroy().finally(() => process.exit(1)));
}
try {
  const startedAt = performance.now();
  await cluster.start();
  report.readyMs = Math.round(performance.now() - startedAt);
  say(`${cluster.pods.length} pods ready after ${report.readyMs} ms, service at ${cluster.endpoint}`);
  await sleep(IDLE_MS);
  report.pods = await Promise.all(cluster.pods.map((pod) => idleCost(pod)));
  for (const pod of report.pods) say(`  ${JSON.stringify(pod)}`);

  await load.start(cluster.endpoint);
  report.faults.nothing = await load.during(() => sleep(10_000));
  say(`nothing: ${JSON.stringify(report.faults.nothing)}`);
  kubectl = await startKubectl(cluster);
  cluster.prometheus = await startPrometheus(cluster, values.record && resolve(values.record));
  const wanted = values.only.split(",");
  for (const fault of FAULTS.filter(({ name }) => wanted.some((part) => name.includes(part)))) {
    const why = fault.missing?.(cluster);
    if (why !== undefined) {
      report.missing[fault.name] = why;
      say(`${fault.name}: not tried, ${why}`);
      continue;
    }
    say(`${fault.name} …`);
    report.faults[fault.name] = await load.during(() => unlessItFails(fault));
    say(`${fault.name}: ${JSON.stringify(report.faults[fault.name])}`);
  }
  report.result = await load.finish();
  report.restartsByProbes = cluster.pods.reduce((sum, { restarts }) => sum + restarts, 0);
  report.peakMib = Object.fromEntries(cluster.pods.map(({ name, pid }) => [name, peakMib(pid)]));
  say(`resident at most since their last start, MiB: ${JSON.stringify(report.peakMib)}`);
  say(`result: ${JSON.stringify(report.result)}, containers restarted ${report.restartsByProbes}`);
  report.job = await runJob();
  if (report.result.violations.length > 0) process.exitCode = 1;
} catch (error) {
  for (const pod of cluster.pods) say(`--- ${pod.name}\n${await cluster.log(pod)}`);
  say(error.stack);
  process.exitCode = 1;
} finally {
  load.destroy();
  kubectl?.close();
  await cluster.destroy();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
process.exit();

/** What did not go as it should is told, and the others have their turn when all is well again. */
async function unlessItFails(fault) {
  try {
    return await fault.run(cluster, kubectl.environment);
  } catch (error) {
    process.exitCode = 1;
    say(`${fault.name} FAILED: ${error.stack}`);
    for (const pod of cluster.pods) say(`--- ${pod.name}\n${await cluster.log(pod)}`);
    await cluster.healthy();
    return { failed: error.message };
  }
}

/** The Job of k8s/chaos, while controllers and brokers are killed. Throws when it fails. */
async function runJob() {
  const { environment } = kubectl;
  const job = runScript("verify.sh", ["1"], environment, (line) => say(`  verifier: ${line.trim()}`));
  await Promise.all([job, runScript("pod-kill-loop.sh", ["4"], environment, say)]);
  return (await job).split("\n").filter((line) => /^(acknowledged|unavailable|failed) /.test(line));
}

/** Memory, and CPU over five seconds, beside what the manifests ask for it. */
async function idleCost(pod) {
  const value = (text, name) => Number(new RegExp(`^${name}\\S* (\\S+)$`, "m").exec(text)?.[1]);
  const before = await cluster.metrics(pod);
  await sleep(5_000);
  const after = await cluster.metrics(pod);
  const cpu = "millrace_process_process_cpu_seconds_total";
  const { requests } = pod.container.resources;
  return {
    pod: pod.name,
    readyAfterMs: pod.readyAfterMs,
    residentMib: Math.round(value(after, "millrace_process_process_resident_memory_bytes") / 1_048_576),
    requestedMib: bytesOf(requests.memory) / 1_048_576,
    cpuMilli: Math.round(((value(after, cpu) - value(before, cpu)) / 5) * 1_000),
    requestedCpu: requests.cpu,
  };
}
