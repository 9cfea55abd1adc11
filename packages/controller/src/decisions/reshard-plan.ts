import { HASH_KEY_MAX, type HashKeyRange, type Shard, type Stream } from "@millrace/proto";
import { assert } from "@millrace/util";

/** Other shards for some of the open ones. Ranges include both ends, as Kinesis's do. */
export interface Change {
  /** One (a split) or two (a merge), the lower one first. */
  readonly parents: readonly Shard[];
  readonly ranges: readonly HashKeyRange[];
}

/** Ascending by hash key: they tile the key space. */
export function openShards({ shards }: Stream): Shard[] {
  return shards
    .filter(({ closedAtS }) => closedAtS === 0)
    .map((shard) => ({ shard, starting: BigInt(shard.startingHashKey) }))
    .toSorted((a, b) => (a.starting < b.starting ? -1 : 1))
    .map(({ shard }) => shard);
}

/** `at` is the first key of the second child. */
export function split(shard: Shard, at: bigint): Change {
  const starting = BigInt(shard.startingHashKey);
  const ending = BigInt(shard.endingHashKey);
  assert(at > starting, "the first child has a key");
  assert(at <= ending, "the second child has a key");
  return {
    parents: [shard],
    ranges: [
      { starting, ending: at - 1n },
      { starting: at, ending },
    ],
  };
}

export function merge(first: Shard, second: Shard): Change {
  const range = { starting: BigInt(first.startingHashKey), ending: BigInt(second.endingHashKey) };
  return { parents: [first, second], ranges: [range] };
}

/**
 * The next changes on the way to `target` uniform ranges, all at once; none when that is reached. First every open shard
 * is split at a boundary of the target that lies inside it; then neighbours within one range merge.
 */
export function nextRound(open: readonly Shard[], target: number): Change[] {
  assert(target >= 1, "a stream has a shard");
  const width = (HASH_KEY_MAX + 1n) / BigInt(target);
  /** The last range takes the rest of the division. */
  const rangeOf = (key: bigint): number => Math.min(Number(key / width), target - 1);
  const splits: Change[] = [];
  for (const shard of open) {
    const first = rangeOf(BigInt(shard.startingHashKey));
    const last = rangeOf(BigInt(shard.endingHashKey));
    // The boundaries inside are the starts of the ranges first + 1 to last: the one in the middle halves the work.
    if (last > first) splits.push(split(shard, width * BigInt(first + 1 + Math.floor((last - first) / 2))));
  }
  if (splits.length > 0) return splits;
  const merges: Change[] = [];
  let waiting: { shard: Shard; range: number } | undefined;
  for (const shard of open) {
    const range = rangeOf(BigInt(shard.startingHashKey));
    if (waiting?.range === range) {
      merges.push(merge(waiting.shard, shard));
      waiting = undefined;
    } else {
      waiting = { shard, range };
    }
  }
  return merges;
}
