// packages/docs/operations/scale.md on the pods: three brokers more, then three less, while the load goes on.
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const SET = "statefulset/millrace-broker";
const BEFORE = 3;
const AFTER = 6;
const EVEN_WITHIN_MS = 300_000;
const MEASURED_MS = 15_000;

const kubectl = (environment, ...parameters) => promisify(execFile)("kubectl", parameters, { env: environment });
const millrace = (environment, ...parameters) =>
  kubectl(environment, "exec", "pod/millrace-controller-0", "--", "millrace", ...parameters);

/** Replicas and leaderships of each broker, as the controllers count them. */
async function spread(environment) {
  const { stdout } = await millrace(environment, "status", "--json");
  return JSON.parse(stdout).nodes.filter(({ role }) => role === "broker");
}

const apart = (counts) => Math.max(...counts) - Math.min(...counts);

async function untilEven(environment, count) {
  const deadline = performance.now() + EVEN_WITHIN_MS;
  for (;;) {
    const brokers = await spread(environment);
    const [replicas, leaders] = [brokers.map((each) => each.replicas), brokers.map((each) => each.leaders)];
    if (brokers.length === count && apart(replicas) < 2 && apart(leaders) < 2) return { replicas, leaders };
    if (performance.now() > deadline) throw new Error(`not even: ${JSON.stringify(brokers)}`);
    await sleep(500);
  }
}

const added = Array.from({ length: AFTER - BEFORE }, (_, index) => `millrace-broker-${BEFORE + index}`);

export const SCALE = [
  { name: "scale: three brokers", run: () => sleep(MEASURED_MS) },
  {
    name: "O19: scale: three brokers are added",
    run: async (cluster, environment) => {
      const startedAt = performance.now();
      await kubectl(environment, "scale", SET, `--replicas=${AFTER}`);
      await kubectl(environment, "rollout", "status", SET, "--timeout=300s");
      const readyAfterMs = Math.round(performance.now() - startedAt);
      const brokers = await untilEven(environment, AFTER);
      return { readyAfterMs, evenAfterMs: Math.round(performance.now() - startedAt), ...brokers };
    },
  },
  { name: "scale: six brokers", run: () => sleep(MEASURED_MS) },
  {
    name: "O19: scale: the three are drained and taken away",
    run: async (cluster, environment) => {
      const startedAt = performance.now();
      const said = await Promise.all(added.map((id) => millrace(environment, "broker", "drain", id, "--wait")));
      const unsafe = said.filter(({ stdout }) => !stdout.includes("safe to remove"));
      if (unsafe.length > 0) throw new Error(`drained, and not safe to remove: ${JSON.stringify(unsafe)}`);
      const drainedAfterMs = Math.round(performance.now() - startedAt);
      await kubectl(environment, "scale", SET, `--replicas=${BEFORE}`);
      for (const id of added) {
        await millrace(environment, "broker", "remove", id);
        await kubectl(environment, "delete", `pvc/data-${id}`);
      }
      await cluster.healthy();
      return { drainedAfterMs, ...(await untilEven(environment, BEFORE)) };
    },
  },
  { name: "scale: three brokers again", run: () => sleep(MEASURED_MS) },
];
