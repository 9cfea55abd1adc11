import type { Shard } from "@millrace/proto";
import type {
  BeginMove__Output,
  CancelMove__Output,
  CompleteMove__Output,
  RemoveBroker__Output,
  ReplicaDropped__Output,
} from "../command.ts";
import { type ClusterState, shardsOf } from "../state/cluster-state.ts";
import { type Decision, Refusal } from "./decision.ts";
import { brokerOf, newestIncarnations } from "./placement.ts";

/**
 * A replica is to be had at another broker. The shard's leader carries it out: the joining one learns, then both change places in
 * one joint step. Until that is reported nothing else moves in this shard, and nobody throws anything away. When the joining one
 * is lost on the way, another takes its place.
 */
export const beginMove: Decision<BeginMove__Output> = ({ state }, { groupId, joining, leaving, term }) => {
  const shard = shardOf(state, groupId);
  if (!shard.replicas.includes(leaving)) throw new Refusal("NOT_A_REPLICA", `${leaving} has no replica of ${groupId}`);
  // A move that was given up may be wanted after all, when the one that was to leave is lost before the leader has gone back to it.
  const isResumed = isGivenUp(shard) && shard.joining === joining;
  if (isGivenUp(shard) && !isResumed && isThere(state, shard.joining)) {
    throw new Refusal("MOVE_IN_PROGRESS", `${shard.joining} is on its way out of ${groupId} again`);
  }
  if (shard.leaving !== "" && shard.leaving !== leaving) {
    throw new Refusal("MOVE_IN_PROGRESS", `${shard.leaving} is leaving ${groupId} already`);
  }
  if (shard.replicas.includes(joining) || (shard.joining === joining && !isResumed)) {
    throw new Refusal("ALREADY_A_REPLICA", `${joining} has a replica of ${groupId}`);
  }
  if (shard.left.includes(joining)) {
    throw new Refusal("REPLICA_NOT_DROPPED", `${joining} has an old replica of ${groupId}, which it has to drop first`);
  }
  const broker = newestIncarnations(state).find(({ nodeId }) => nodeId === joining);
  if (broker === undefined || broker.state === "DOWN" || (broker.state === "DRAINING" && !isResumed))
    throw new Refusal("BROKER_NOT_UP", `no broker ${joining} that takes replicas`);
  const others = shard.replicas.filter((nodeId) => nodeId !== leaving);
  if (others.some((nodeId) => state.brokers.get(nodeId)?.az === broker.az)) {
    throw new Refusal("ZONE_TAKEN", `zone ${broker.az} has a replica of ${groupId} already`);
  }
  // The one that was to join before may have begun to: it drops what it has, like one that leaves.
  const termMin = Math.max(shard.termMin, term);
  const joinId = state.version + 1; // it may have been a member before, or may have been to join: what is said of that is not of this move
  const left = isResumed ? shard.left : withLeft(state, shard, shard.joining);
  putShard(state, { ...shard, joining, leaving, joinId, termMin, left });
};

function isThere(state: ClusterState, nodeId: string): boolean {
  return newestIncarnations(state).some((broker) => broker.nodeId === nodeId && broker.state !== "DOWN");
}

/**
 * Its replicas stay where they are. The shard's leader may have made the joining one a member already, whose vote it needs to undo
 * that: it keeps what it has until the leader reports that the members are the replicas again, like the end of any move.
 */
export const cancelMove: Decision<CancelMove__Output> = ({ state }, { groupId, joining }) => {
  const shard = movingShard(state, groupId, joining);
  putShard(state, { ...shard, leaving: "", joinId: 0 });
};

/** The move was cancelled, and that is not over yet. */
export function isGivenUp({ joining, leaving }: Pick<Shard, "joining" | "leaving">): boolean {
  return joining !== "" && leaving === "";
}

export const completeMove: Decision<CompleteMove__Output> = ({ state }, input) => {
  const { groupId, joining, term, placedVersion } = input;
  const shard = movingShard(state, groupId, joining);
  // Cancelled or begun anew since it was proposed: it is of the move as it was, which the shard's leader may have finished.
  if (placedVersion !== 0 && placedVersion !== shard.placedVersion) {
    throw new Refusal("NO_SUCH_MOVE", `the move of ${groupId} to ${joining} is not the one that was reported`);
  }
  const replicas = membersAfterMove(shard);
  const termMin = Math.max(shard.termMin, term);
  const forgotten = shard.forgotten.filter((nodeId) => nodeId !== shard.leaving);
  const left = withLeft(state, shard, isGivenUp(shard) ? joining : shard.leaving);
  putShard(state, { ...shard, replicas, joining: "", leaving: "", joinId: 0, termMin, left, forgotten });
};

function movingShard(state: ClusterState, groupId: number, joining: string): Shard {
  const shard = shardOf(state, groupId);
  if (joining === "" || shard.joining !== joining)
    throw new Refusal("NO_SUCH_MOVE", `${joining} does not join ${groupId}`);
  return shard;
}

export const replicaDropped: Decision<ReplicaDropped__Output> = ({ state }, { groupId, nodeId }) => {
  const shard = shardOf(state, groupId);
  if (![...shard.left, ...shard.forgotten].includes(nodeId)) return;
  const rest = (nodeIds: readonly string[]): string[] => nodeIds.filter((each) => each !== nodeId);
  putShard(state, { ...shard, left: rest(shard.left), forgotten: rest(shard.forgotten) });
};

/** A disk that has been replaced holds nothing any more, and does not come back. */
export function withLeft(state: ClusterState, { left }: Shard, nodeId: string): string[] {
  const mayReturn = newestIncarnations(state).some((broker) => broker.nodeId === nodeId);
  return !mayReturn || left.includes(nodeId) ? left : [...left, nodeId];
}

/** Where its replicas are when the move is over; the same as now when there is none. */
export function membersAfterMove({ replicas, joining, leaving }: Shard): string[] {
  return joining === "" ? [...replicas] : replicas.map((nodeId) => (nodeId === leaving ? joining : nodeId));
}

export const removeBroker: Decision<RemoveBroker__Output> = ({ state }, { nodeId: id }) => {
  const broker = brokerOf(state, id);
  if (broker === undefined) throw new Refusal("BROKER_NOT_FOUND", `no broker ${id}`);
  const { nodeId } = broker;
  if (broker.state === "UP") throw new Refusal("BROKER_IS_UP", `${nodeId} is up: drain it first`);
  for (const stream of state.streams.values()) {
    const shards = shardsOf(stream);
    if (shards.some(({ replicas, joining }) => [...replicas, joining].includes(nodeId))) {
      throw new Refusal("BROKER_HAS_REPLICAS", `${nodeId} has replicas`);
    }
  }
  // What it has not thrown away yet it never will: its disk cannot come back under this name.
  for (const stream of [...state.streams.values()]) {
    for (const shard of shardsOf(stream)) {
      if (!shard.left.includes(nodeId) || stream.status === "DELETING") continue;
      putShard(state, { ...shard, left: shard.left.filter((each) => each !== nodeId) });
    }
  }
  state.removeBroker(nodeId);
};

export function shardOf(state: ClusterState, groupId: number): Shard {
  for (const stream of state.streams.values()) {
    if (stream.status === "DELETING") continue;
    const shard = shardsOf(stream).find((each) => each.groupId === groupId);
    if (shard !== undefined) return shard;
  }
  throw new Refusal("SHARD_NOT_FOUND", `no shard is group ${groupId}`);
}

export function putShard(state: ClusterState, changed: Shard): void {
  const shard = { ...changed, placedVersion: state.version + 1 };
  const replaced = (shards: readonly Shard[]): Shard[] =>
    shards.map((each) => (each.groupId === shard.groupId ? shard : each));
  for (const stream of state.streams.values()) {
    if (!shardsOf(stream).some(({ groupId }) => groupId === shard.groupId)) continue;
    const { reshard } = stream;
    state.putStream({
      ...stream,
      shards: replaced(stream.shards),
      reshard: reshard === null ? null : { ...reshard, children: replaced(reshard.children) },
    });
    return;
  }
}
