import { eventually, type LocalCluster, type NodeInfo } from "../harness/cluster.ts";
import type { ChaosWorld } from "./world.ts";

/** Something that happens to a running cluster. It has ended, and every node is back, when `run` resolves. */
export interface Fault {
  readonly name: string;
  /** Why this machine cannot do it; undefined when it can. */
  missing?(world: ChaosWorld): string | undefined;
  run(world: ChaosWorld, pick: Pick): Promise<void>;
}

/** Chooses one of several, by the seed. */
export type Pick = <T>(from: readonly T[]) => T;

/** Park and Miller's generator: enough to make a run's order of faults repeatable. */
export function seededPick(seed: number): Pick {
  let state = (seed % 2_147_483_646) + 1;
  return (from) => {
    state = (state * 48_271) % 2_147_483_647;
    return from[state % from.length] as (typeof from)[number];
  };
}

const RESTART_TIMEOUT_MS = 20_000;

export async function leaders(cluster: LocalCluster): Promise<NodeInfo[]> {
  const { nodes } = await cluster.status();
  const found = nodes.filter((node) => node.role === "broker" && (node.leaders ?? 0) > 0);
  if (found.length === 0) throw new Error("no broker leads a shard");
  return found;
}

export async function killAndWait(cluster: LocalCluster, ids: readonly string[]): Promise<void> {
  const before = new Map(ids.map((id) => [id, cluster.node(id).pid]));
  for (const id of ids) cluster.signal(id, "SIGKILL");
  await eventually(
    () => ids.every((id) => cluster.node(id).pid > 0 && cluster.node(id).pid !== before.get(id)),
    RESTART_TIMEOUT_MS,
  );
}

export const brokers = (cluster: LocalCluster): string[] =>
  cluster.nodes().flatMap((node) => (node.role === "broker" ? [node.id] : []));
