import type { BrokerConnection } from "./broker-connection.ts";
import type { BrokerConnections } from "./broker-connections.ts";
import type { ClusterMetadata } from "./metadata.ts";
import type { ShardView } from "./stream-view.ts";

const PENALTY = { justTried: 10, silent: 50, down: 100, unreachable: 200 } as const;

export interface Candidate {
  readonly nodeId: string;
  readonly connection: BrokerConnection;
}

export interface ChoiceState {
  /** Counts attempts: the replicas take turns. */
  rotation: number;
  lastNodeId: string | undefined;
}

/**
 * Whom to ask for what any replica has: one after the other; those that are known to be away come last, but come, for the
 * knowledge may be old. Undefined when the metadata has no address for any replica.
 */
export function chooseReplica(
  shard: ShardView,
  state: ChoiceState,
  context: { connections: BrokerConnections; metadata: ClusterMetadata; nowMs: number },
): Candidate | undefined {
  const { forgotten } = shard.shard;
  const replicas = shard.shard.replicas.filter((nodeId) => !forgotten.includes(nodeId));
  let best: Candidate | undefined;
  let bestPenalty = Infinity;
  for (let index = 0; index < replicas.length; index++) {
    const nodeId = replicas[(index + state.rotation) % replicas.length] as string;
    const connection = context.connections.to(nodeId);
    if (connection === undefined) continue;
    let penalty = index;
    if (nodeId === state.lastNodeId) penalty += PENALTY.justTried;
    if (connection.isSilent(context.nowMs)) penalty += PENALTY.silent;
    if (!connection.mayConnect) penalty += PENALTY.unreachable;
    else if (context.metadata.broker(nodeId)?.state === "DOWN") penalty += PENALTY.down;
    if (penalty >= bestPenalty) continue;
    bestPenalty = penalty;
    best = { nodeId, connection };
  }
  return best;
}
