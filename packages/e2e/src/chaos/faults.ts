import { eventually, type LocalCluster, type NodeInfo } from "../harness/cluster.ts";

/** Something that happens to a running cluster. It has ended, and every node is back, when `run` resolves. */
export interface Fault {
  readonly name: string;
  run(cluster: LocalCluster, pick: Pick): Promise<void>;
}

/** Chooses one of several, by the seed. */
export type Pick = <T>(from: readonly T[]) => T;

const RESTART_TIMEOUT_MS = 20_000;
const PAUSE_MS = 5_000;

async function leaders(cluster: LocalCluster): Promise<NodeInfo[]> {
  const { nodes } = await cluster.status();
  const found = nodes.filter((node) => node.role === "broker" && (node.leaders ?? 0) > 0);
  if (found.length === 0) throw new Error("no broker leads a shard");
  return found;
}

async function killAndWait(cluster: LocalCluster, ids: readonly string[]): Promise<void> {
  const before = new Map(ids.map((id) => [id, cluster.node(id).pid]));
  for (const id of ids) cluster.signal(id, "SIGKILL");
  await eventually(
    () => ids.every((id) => cluster.node(id).pid > 0 && cluster.node(id).pid !== before.get(id)),
    RESTART_TIMEOUT_MS,
  );
}

async function pause(cluster: LocalCluster, id: string, durationMs: number): Promise<void> {
  cluster.signal(id, "SIGSTOP");
  try {
    await new Promise((resolve) => setTimeout(resolve, durationMs));
  } finally {
    cluster.signal(id, "SIGCONT");
  }
}

const brokers = (cluster: LocalCluster): string[] =>
  cluster.nodes().flatMap((node) => (node.role === "broker" ? [node.id] : []));
const controllers = (cluster: LocalCluster): string[] =>
  cluster.nodes().flatMap((node) => (node.role === "controller" ? [node.id] : []));

export const FAULTS: readonly Fault[] = [
  {
    name: "kill a shard leader",
    run: async (cluster, pick) => killAndWait(cluster, [pick(await leaders(cluster)).id]),
  },
  {
    name: "kill a controller",
    run: async (cluster, pick) => killAndWait(cluster, [pick(controllers(cluster))]),
  },
  {
    name: "kill all controllers",
    run: async (cluster) => killAndWait(cluster, controllers(cluster)),
  },
  {
    name: "kill two brokers",
    run: async (cluster, pick) => {
      const spared = pick(brokers(cluster));
      await killAndWait(
        cluster,
        brokers(cluster).filter((id) => id !== spared),
      );
    },
  },
  {
    name: "kill every broker",
    run: async (cluster) => killAndWait(cluster, brokers(cluster)),
  },
  {
    name: "pause a broker for five seconds",
    run: async (cluster, pick) => pause(cluster, pick(brokers(cluster)), PAUSE_MS),
  },
  {
    name: "pause a controller for five seconds",
    run: async (cluster, pick) => pause(cluster, pick(controllers(cluster)), PAUSE_MS),
  },
  {
    name: "stop and start the brokers one by one",
    run: async (cluster) => {
      for (const id of brokers(cluster)) {
        const { pid } = cluster.node(id);
        cluster.signal(id, "SIGTERM");
        await eventually(() => ![0, pid].includes(cluster.node(id).pid), RESTART_TIMEOUT_MS);
        await cluster.healthy();
      }
    },
  },
];
