import type { BrokerConnections } from "./broker-connections.ts";
import type { ClusterMetadata } from "./metadata.ts";
import type { ShardLogConnection } from "./shard-log-connection.ts";
import type { ShardView } from "./stream-view.ts";

/** A broker that owes answers and has said nothing for so long is asked last: stopped, cut off, or without a quorum. */
const SILENT_AFTER_MS = 500;

const PENALTY = { justTried: 10, silent: 50, down: 100, unreachable: 200 } as const;

/** Longer than an election takes: by then the other replicas name the leader that there really is. */
export const AVOID_SILENT_MS = 1_500;

export interface Candidate {
  readonly nodeId: string;
  readonly connection: ShardLogConnection;
}

export interface ChoiceState {
  /** Counts attempts: the replicas take turns. */
  rotation: number;
  lastNodeId: string | undefined;
  /** Monotonic. Until then silent brokers come last; later they have their turn, for they may only be slow. */
  avoidSilentUntilMs: number;
}

/**
 * Whom to ask next: the believed leader first, then the others in turn; those that are known to be away come last, but
 * come, for the knowledge may be old. Undefined when the metadata has no address for any replica.
 */
export function chooseReplica(
  shard: ShardView,
  leaderId: string | undefined,
  state: ChoiceState,
  stream: "append" | "read",
  context: { connections: BrokerConnections; metadata: ClusterMetadata; nowMs: number },
): Candidate | undefined {
  const { replicas } = shard.shard;
  const avoidsSilent = context.nowMs < state.avoidSilentUntilMs;
  let best: Candidate | undefined;
  let bestPenalty = Infinity;
  for (let index = 0; index < replicas.length; index++) {
    const nodeId = replicas[(index + state.rotation) % replicas.length] as string;
    const connection = context.connections.to(nodeId);
    if (connection === undefined) continue;
    let penalty = nodeId === leaderId ? -1 : index;
    if (nodeId === state.lastNodeId && nodeId !== leaderId) penalty += PENALTY.justTried;
    if (avoidsSilent && connection[stream].silentForMs(context.nowMs) > SILENT_AFTER_MS) penalty += PENALTY.silent;
    if (!connection.mayConnect) penalty += PENALTY.unreachable;
    else if (context.metadata.broker(nodeId)?.state === "DOWN") penalty += PENALTY.down;
    if (penalty >= bestPenalty) continue;
    bestPenalty = penalty;
    best = { nodeId, connection };
  }
  return best;
}
