// What is done to the pods, in this order: rollouts, then scripts/chaos as an operator would run them. Each has ended, and everything is
// well again, when it resolves.
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { largeBatches } from "./large-batches.mjs";
import { SCALE } from "./scale.mjs";

const scripts = fileURLToPath(new URL("../chaos", import.meta.url));
/** Long enough for leases and elections to run out, short of the time after which a broker is replaced. */
const AWAY_S = "15";
/** Controllers have seen by then what a script has left behind. */
const NOTICED_WITHIN_MS = 3_000;

function restart(component) {
  return {
    name: `${component === "broker" ? "O01, O03: " : ""}restart every ${component}, one by one`,
    run: async (cluster) => {
      const stops = [];
      const set = cluster.sets.find(({ metadata }) => metadata.name === `millrace-${component}`);
      await cluster.rolloutRestart(set, async (pod, { stoppedMs, exitCode, killed }, next) => {
        // Of a broker that is ready nothing is lacking: only then may the next one go.
        const shardsInNeed = component === "broker" ? await cluster.shardsInNeed() : undefined;
        stops.push({
          shardsInNeed,
          pod: pod.name,
          stoppedMs,
          exitCode,
          killed,
          readyAfterMs: next === pod ? undefined : next.readyAfterMs,
        });
      });
      const hurt = stops.filter(({ exitCode, killed }) => killed || exitCode !== 0);
      if (hurt.length > 0) throw new Error(`did not end of themselves: ${JSON.stringify(hurt)}`);
      await cluster.healthy();
      return stops;
    },
  };
}

/** The grace is over before leaderships are handed over. */
const shortGrace = {
  name: "O03: stop a broker with a grace of no time",
  run: async (cluster, environment) => {
    await promisify(execFile)("kubectl", ["delete", "pod/millrace-broker-0", "--grace-period=0"], { env: environment });
    await sleep(NOTICED_WITHIN_MS);
    await cluster.healthy();
  },
};

function script(name, parameters, missing, id = "") {
  return {
    name: `${id}${name} ${parameters.join(" ")}`,
    missing,
    run: async (cluster, environment) => {
      const startedAt = performance.now();
      await runScript(`${name}.sh`, parameters, environment, cluster.say);
      await sleep(NOTICED_WITHIN_MS);
      await cluster.healthy();
      return { wellAfterMs: Math.round(performance.now() - startedAt) };
    },
  };
}

/** @returns what it printed */
export async function runScript(file, parameters, environment, say) {
  const child = spawn(join(scripts, file), parameters, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
      for (const line of String(chunk).trimEnd().split("\n")) say(`  ${line}`);
    });
  }
  const status = await new Promise((resolve) => child.once("close", resolve));
  if (status !== 0) throw new Error(`${file} ended with ${status}`);
  return output;
}

const noFileSystems = (cluster) =>
  cluster.volumes.areFileSystems ? undefined : "no small disk can be mounted here: this machine's would be filled";

/** packages/docs/operations/grow-a-pvc.md, on a disk that is full already. */
const grow = {
  name: "O07: grow the full volume of millrace-broker-1",
  missing: (cluster) => (cluster.volumes.areGrowable ? undefined : "no file system here that grows"),
  run: async (cluster, environment) => {
    const kubectl = (...parameters) => promisify(execFile)("kubectl", parameters, { env: environment });
    const pod = cluster.of("broker").find(({ name }) => name === "millrace-broker-1");
    const isFull = async () => /^millrace_disk_full\S* 1$/m.test(await cluster.metrics(pod));
    const fill =
      'free=$(df --output=avail --block-size=1M /data | tail -1); fallocate -l "$((free - 64))M" /data/chaos-filler';
    await kubectl("exec", pod.name, "--", "sh", "-c", fill);
    await until(isFull);
    const patch = { spec: { resources: { requests: { storage: "3Gi" } } } };
    await kubectl("patch", "pvc/data-millrace-broker-1", "--type", "merge", "--patch", JSON.stringify(patch));
    const startedAt = performance.now();
    await until(async () => !(await isFull()));
    const takesDataAfterMs = Math.round(performance.now() - startedAt);
    await cluster.healthy();
    await kubectl("exec", pod.name, "--", "rm", "/data/chaos-filler");
    return { takesDataAfterMs };
  },
};

/** Its node takes no pods until the alerts of a broker that is gone have fired; then it comes back on an empty volume. */
const alerts = {
  name: "O05: a broker and its volume are gone: alerts fire, and resolve when it is full again",
  missing: (cluster) => (cluster.prometheus === undefined ? "no prometheus here" : undefined),
  run: async (cluster, environment) => {
    const kubectl = (...parameters) => promisify(execFile)("kubectl", parameters, { env: environment });
    const { nodeName } = cluster.of("broker").find(({ name }) => name === "millrace-broker-1");
    const startedAt = Date.now();
    await kubectl("cordon", `node/${nodeName}`);
    await kubectl("delete", "pvc/data-millrace-broker-1", "--wait=false");
    await kubectl("delete", "pod/millrace-broker-1", "--force", "--grace-period=0");
    const firedAfterMs = {};
    const names = ["MillraceBrokerDown", "MillraceUnderReplicated"];
    for (const name of names) firedAfterMs[name] = await cluster.prometheus.until(name, true);
    await kubectl("uncordon", `node/${nodeName}`);
    const resolvedAfterMs = {};
    for (const name of names) resolvedAfterMs[name] = await cluster.prometheus.until(name, false);
    await cluster.healthy();
    return { firedAfterMs, resolvedAfterMs, recorded: await cluster.prometheus.record(startedAt, names) };
  },
};

async function until(condition, withinMs = 180_000) {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms`);
    await sleep(200);
  }
}

/** packages/docs/operations/rolling-restart.md: both versions side by side, from the first controller's restart to the last gateway's. */
const upgrade = {
  name: "upgrade from an earlier commit: controllers, brokers, gateways",
  missing: (cluster) => (cluster.earlierImage === undefined ? "no --upgrade-from" : undefined),
  run: async (cluster) => {
    cluster.earlierImage = undefined;
    for (const component of ["controller", "broker", "gateway"]) {
      await cluster.rolloutRestart(cluster.sets.find(({ metadata }) => metadata.name === `millrace-${component}`));
      await cluster.healthy();
    }
  },
};

export const FAULTS = [
  upgrade,
  restart("controller"),
  restart("broker"),
  restart("gateway"),
  shortGrace,
  script("replica-loss", ["millrace-broker-2"], undefined, "O05: "),
  script("zone-loss", ["az-b", AWAY_S]),
  script("partition", ["az-a", AWAY_S], (cluster) =>
    cluster.policies.hasQuarantine ? undefined : "the manifests know no quarantine",
  ),
  script("pod-kill-loop", ["3", "broker"]),
  script("disk-fill", ["millrace-broker-1", AWAY_S], noFileSystems),
  grow,
  script("slow-disk", ["millrace-broker-0", AWAY_S]),
  alerts,
  ...SCALE,
  largeBatches,
];
