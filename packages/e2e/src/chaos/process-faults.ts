import { setTimeout as sleep } from "node:timers/promises";
import { eventually, type LocalCluster } from "../harness/cluster.ts";
import { brokers, type Fault, killAndWait, leaders } from "./fault.ts";

const RESTART_TIMEOUT_MS = 20_000;
const PAUSE_MS = 5_000;

async function pause(cluster: LocalCluster, id: string, durationMs: number): Promise<void> {
  cluster.signal(id, "SIGSTOP");
  try {
    await sleep(durationMs);
  } finally {
    cluster.signal(id, "SIGCONT");
  }
}

const controllers = (cluster: LocalCluster): string[] =>
  cluster.nodes().flatMap((node) => (node.role === "controller" ? [node.id] : []));

export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: "kill a shard leader",
    run: async ({ cluster }, pick) => killAndWait(cluster, [pick(await leaders(cluster)).id]),
  },
  {
    name: "kill a controller",
    run: async ({ cluster }, pick) => killAndWait(cluster, [pick(controllers(cluster))]),
  },
  {
    name: "kill all controllers",
    run: async ({ cluster }) => killAndWait(cluster, controllers(cluster)),
  },
  {
    name: "kill two brokers",
    run: async ({ cluster }, pick) => {
      const spared = pick(brokers(cluster));
      await killAndWait(
        cluster,
        brokers(cluster).filter((id) => id !== spared),
      );
    },
  },
  {
    name: "kill every broker",
    run: async ({ cluster }) => killAndWait(cluster, brokers(cluster)),
  },
  {
    name: "pause a broker for five seconds",
    run: async ({ cluster }, pick) => pause(cluster, pick(brokers(cluster)), PAUSE_MS),
  },
  {
    name: "pause a controller for five seconds",
    run: async ({ cluster }, pick) => pause(cluster, pick(controllers(cluster)), PAUSE_MS),
  },
  {
    name: "stop and start the brokers one by one",
    run: async ({ cluster }) => {
      for (const id of brokers(cluster)) {
        const { pid } = cluster.node(id);
        cluster.signal(id, "SIGTERM");
        await eventually(() => ![0, pid].includes(cluster.node(id).pid), RESTART_TIMEOUT_MS);
        await cluster.healthy();
      }
    },
  },
];
