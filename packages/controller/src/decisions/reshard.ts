import { HASH_KEY_MAX, parseHashKey, type Shard, type Stream, uniformHashKeyRanges } from "@millrace/proto";
import type { BeginReshard__Output, CompleteReshard__Output, RequestClose__Output } from "../command.ts";
import type { ClusterState } from "../state/cluster-state.ts";
import { checkShardLimit } from "./create-stream.ts";
import { type Decision, Refusal } from "./decision.ts";
import { Placement } from "./placement.ts";

/** Other shards for some of the open ones. Half-open would be tidier, but Kinesis's ranges include both ends. */
interface Change {
  readonly parents: readonly Shard[];
  readonly ranges: readonly { readonly starting: bigint; readonly ending: bigint }[];
}

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
  const isMore = changes.reduce((sum, { parents, ranges }) => sum + ranges.length - parents.length, 0);
  const additional = target > 0 ? target - openShards(stream).length : isMore;
  if (additional > 0 && stream.mode === "PROVISIONED" && input.key !== null)
    checkShardLimit(state, input.key, additional);
  if (changes.length === 0) return;
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
      return [
        {
          parents: [parent],
          ranges: [
            { starting, ending: at - 1n },
            { starting: at, ending },
          ],
        },
      ];
    }
    case "merge": {
      const first = openShard(stream, input.merge?.shardNumber ?? -1);
      const second = openShard(stream, input.merge?.adjacentShardNumber ?? -1);
      if (BigInt(first.endingHashKey) + 1n !== BigInt(second.startingHashKey)) {
        throw new Refusal("NOT_ADJACENT", "the shards are not next to each other");
      }
      return [merged(first, second)];
    }
    case "targetShardCount":
      return nextRound(openShards(stream), input.targetShardCount ?? 0);
    default:
      throw new Refusal("BAD_COMMAND", "no reshard that is known here");
  }
}

function openShards({ shards }: Stream): Shard[] {
  return shards
    .filter(({ closedAtS }) => closedAtS === 0)
    .toSorted((a, b) => (BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1));
}

function openShard({ shards }: Stream, number: number): Shard {
  const shard = shards.find((each) => each.number === number);
  if (shard === undefined) throw new Refusal("SHARD_NOT_FOUND", `no shard ${number}`);
  if (shard.closedAtS !== 0) throw new Refusal("SHARD_CLOSED", `shard ${number} is closed`);
  return shard;
}

function merged(first: Shard, second: Shard): Change {
  const range = { starting: BigInt(first.startingHashKey), ending: BigInt(second.endingHashKey) };
  return { parents: [first, second], ranges: [range] };
}

/** First every open shard is split at a boundary of the target that lies inside it; then neighbours within a range merge. */
export function nextRound(open: readonly Shard[], target: number): Change[] {
  const targets = uniformHashKeyRanges(target);
  const boundaries = targets.slice(1).map(({ starting }) => starting);
  const splits: Change[] = [];
  for (const shard of open) {
    const starting = BigInt(shard.startingHashKey);
    const ending = BigInt(shard.endingHashKey);
    const inside = boundaries.filter((at) => at > starting && at <= ending);
    const at = inside[Math.floor(inside.length / 2)];
    if (at === undefined) continue;
    splits.push({
      parents: [shard],
      ranges: [
        { starting, ending: at - 1n },
        { starting: at, ending },
      ],
    });
  }
  if (splits.length > 0) return splits;
  const merges: Change[] = [];
  for (const range of targets) {
    const pieces = open.filter(
      (shard) => BigInt(shard.startingHashKey) >= range.starting && BigInt(shard.endingHashKey) <= range.ending,
    );
    for (let i = 0; i + 1 < pieces.length; i += 2) merges.push(merged(pieces[i] as Shard, pieces[i + 1] as Shard));
  }
  return merges;
}

function begun(state: ClusterState, stream: Stream, changes: readonly Change[], targetShardCount: number): Stream {
  const placement = new Placement(state);
  let number = Math.max(...stream.shards.map((shard) => shard.number)) + 1;
  const children = changes.flatMap(({ parents, ranges }) =>
    ranges.map(({ starting, ending }): Shard => ({
      number: number++,
      groupId: state.takeGroupId(),
      startingHashKey: String(starting),
      endingHashKey: String(ending > HASH_KEY_MAX ? HASH_KEY_MAX : ending),
      createdAtS: 0,
      closedAtS: 0,
      parent: parents[0]?.number ?? -1,
      adjacentParent: parents[1]?.number ?? -1,
      replicas: placement.next(),
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

/** Parents get their end and children appear, in one version of the metadata. */
export const completeReshard: Decision<CompleteReshard__Output> = ({ state, nowMs }, { streamId }) => {
  const stream = state.streams.get(streamId);
  const reshard = stream?.reshard ?? undefined;
  if (stream === undefined || reshard?.closeRequested !== true || stream.status !== "UPDATING") return;
  const { children, parents, targetShardCount } = reshard;
  // Later than any parent's creation, whatever clocks did: a child's sequence numbers are above its parents'.
  const oldest = Math.max(...stream.shards.map(({ createdAtS }) => createdAtS));
  const closedAtS = Math.max(Math.floor(nowMs / 1_000), oldest);
  const closed = stream.shards.map((shard) => (parents.includes(shard.number) ? { ...shard, closedAtS } : shard));
  const opened = children.map((child) => ({ ...child, createdAtS: closedAtS + 1 }));
  const next: Stream = { ...stream, status: "ACTIVE", shards: [...closed, ...opened], reshard: null };
  const rest = targetShardCount > 0 ? nextRound(openShards(next), targetShardCount) : [];
  state.putStream(rest.length === 0 ? next : begun(state, next, rest, targetShardCount));
};
