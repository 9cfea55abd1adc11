import { parseHashKey, type Shard, type Stream } from "@millrace/proto";
import type { BeginReshard__Output, CompleteReshard__Output, RequestClose__Output } from "../command.ts";
import { type ClusterState, newestCreatedAtS } from "../state/cluster-state.ts";
import { type Decision, Refusal } from "./decision.ts";
import { checkShardQuota, checkShardRoom, checkShardsOfStream, SHARDS_PER_STREAM_MAX } from "./limits.ts";
import { hasEnoughZones, Placement } from "./placement.ts";
import { type Change, merge, nextRound, openShards, split } from "./reshard-plan.ts";

/**
 * Resharding in three decisions, each idempotent, so that it resumes after any crash: the children's groups are made
 * (here); when they have leaders, the parents are closed (RequestClose, and their leaders act); when those are closed,
 * both change places at once (CompleteReshard). A target count takes as many rounds as it needs.
 */
export const beginReshard: Decision<BeginReshard__Output> = ({ state }, input) => {
  const stream = input.key === null ? undefined : state.streamByKey(input.key);
  if (stream === undefined) throw new Refusal("STREAM_NOT_FOUND", "no such stream");
  if (stream.status !== "ACTIVE") {
    throw new Refusal("STREAM_NOT_ACTIVE", `the stream is ${stream.status}`, { state: stream.status });
  }
  const target = input.targetShardCount ?? 0;
  const changes = changesOf(stream, input);
  if (changes.length === 0) return;
  const open = openShards(stream).length;
  const made = changes.reduce((sum, { ranges }) => sum + ranges.length, 0);
  const gone = changes.reduce((sum, { parents }) => sum + parents.length, 0);
  const additional = target > 0 ? target - open : made - gone;
  if (additional > 0) {
    checkShardsOfStream(open, additional);
    if (stream.mode === "PROVISIONED" && input.key !== null) checkShardQuota(state, input.key, additional);
  }
  checkShardRoom(state, made);
  state.putStream(begun(state, stream, changes, target));
};

function changesOf(stream: Stream, input: BeginReshard__Output): Change[] {
  switch (input.kind) {
    case "split": {
      const parent = openShard(stream, input.split?.shardNumber ?? -1);
      const at = parseHashKey(input.split?.newStartingHashKey ?? "");
      const starting = BigInt(parent.startingHashKey);
      const ending = BigInt(parent.endingHashKey);
      if (at === undefined || at <= starting + 1n || at >= ending)
        throw new Refusal("SPLIT_KEY", "the key is not inside the shard");
      return [split(parent, at)];
    }
    case "merge": {
      const first = openShard(stream, input.merge?.shardNumber ?? -1);
      const second = openShard(stream, input.merge?.adjacentShardNumber ?? -1);
      if (BigInt(first.endingHashKey) + 1n !== BigInt(second.startingHashKey)) {
        throw new Refusal("NOT_ADJACENT", "the shards are not next to each other");
      }
      return [merge(first, second)];
    }
    case "targetShardCount": {
      const target = input.targetShardCount ?? 0;
      if (target < 1 || target > SHARDS_PER_STREAM_MAX) {
        throw new Refusal("INVALID_ARGUMENT", `A stream has 1 to ${SHARDS_PER_STREAM_MAX} shards.`);
      }
      return nextRound(openShards(stream), target);
    }
    default:
      throw new Refusal("BAD_COMMAND", "no reshard that is known here");
  }
}

function openShard({ shards }: Stream, number: number): Shard {
  const shard = shards.find((each) => each.number === number);
  if (shard === undefined) throw new Refusal("SHARD_NOT_FOUND", `no shard ${number}`);
  if (shard.closedAtS !== 0) throw new Refusal("SHARD_CLOSED", `shard ${number} is closed`);
  return shard;
}

function begun(state: ClusterState, stream: Stream, changes: readonly Change[], targetShardCount: number): Stream {
  const placement = new Placement(state);
  let number = stream.shards.reduce((max, shard) => Math.max(max, shard.number), 0) + 1;
  const children = changes.flatMap(({ parents, ranges }) =>
    ranges.map(({ starting, ending }): Shard => ({
      number: number++,
      groupId: state.takeGroupId(),
      startingHashKey: String(starting),
      endingHashKey: String(ending),
      createdAtS: 0,
      closedAtS: 0,
      parent: parents[0]?.number ?? -1,
      adjacentParent: parents[1]?.number ?? -1,
      replicas: placement.next(),
      joining: "",
      leaving: "",
      left: [],
      placedVersion: state.version + 1,
      termMin: 0,
      joinId: 0,
      forgotten: [],
    })),
  );
  const parents = changes.flatMap((change) => change.parents.map((parent) => parent.number));
  return { ...stream, status: "UPDATING", reshard: { children, parents, closeRequested: false, targetShardCount } };
}

export const requestClose: Decision<RequestClose__Output> = ({ state }, { streamId }) => {
  const stream = state.streams.get(streamId);
  const reshard = stream?.reshard ?? undefined;
  if (stream === undefined || reshard === undefined || reshard.closeRequested || stream.status !== "UPDATING") return;
  state.putStream({ ...stream, reshard: { ...reshard, closeRequested: true } });
};

/** Nowhere to put the next children now. Its completion, when there is (see `resharding`), begins the next round. */
function waitingRound(targetShardCount: number): NonNullable<Stream["reshard"]> {
  return { children: [], parents: [], closeRequested: false, targetShardCount };
}

/** Parents get their end and children appear, in one version of the metadata, whatever has become of the zones. */
export const completeReshard: Decision<CompleteReshard__Output> = ({ state, nowMs }, { streamId }) => {
  const stream = state.streams.get(streamId);
  const reshard = stream?.reshard ?? undefined;
  if (stream === undefined || reshard?.closeRequested !== true || stream.status !== "UPDATING") return;
  const { children, parents, targetShardCount } = reshard;
  // Whatever clocks did, later than any parent's creation: a child's sequence numbers are above its parents'. And later than
  // the stream's, or the parents would seem to have ended before its history begins.
  const newestS = Math.max(newestCreatedAtS(stream), Math.ceil(stream.createdAtMs / 1_000));
  const closedAtS = Math.max(Math.floor(nowMs / 1_000), newestS);
  const ending = new Set(parents);
  const closed = stream.shards.map((shard) => (ending.has(shard.number) ? { ...shard, closedAtS } : shard));
  const opened = children.map((child) => ({ ...child, createdAtS: closedAtS + 1 }));
  const next: Stream = { ...stream, status: "ACTIVE", shards: [...closed, ...opened], reshard: null };
  const rest = targetShardCount > 0 ? nextRound(openShards(next), targetShardCount) : [];
  if (rest.length === 0) state.putStream(next);
  else if (hasEnoughZones(state)) state.putStream(begun(state, next, rest, targetShardCount));
  else state.putStream({ ...next, status: "UPDATING", reshard: waitingRound(targetShardCount) });
};
