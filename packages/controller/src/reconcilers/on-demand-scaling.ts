import type { Shard, Stream } from "@millrace/proto";
import { MINUTE_MS } from "@millrace/util";
import { SHARDS_MAX } from "../decisions/limits.ts";
import { hasEnoughZones } from "../decisions/placement.ts";
import { openShards } from "../decisions/reshard-plan.ts";
import type { Observed, Reconciler, Wish } from "./reconciler.ts";

/** Of what a shard is planned for, averaged over some fifteen seconds. */
const HOT_SHARE = 1;
/** As Kinesis: what was hot a while ago may be again. */
const MERGE_AFTER_MS = 15 * MINUTE_MS;
/** An on-demand stream begins with so many, and never has fewer. */
const SHARDS_MIN = 4;
/** Kinesis's ceiling of an on-demand stream, 200 MiB a second. */
const SHARDS_OF_STREAM_MAX = 200;
/** A single hot key does not grow cooler by splits: they end here. */
const HASH_KEYS_MIN = 2n ** 119n;

/**
 * On-demand streams fit themselves to their load, one shard at a time: the hottest is split in its middle, and neighbours that have
 * been cold for long are merged. A stream that is being resharded is left alone until that is through.
 */
export const onDemandScaling: Reconciler = function* (observed) {
  const { state } = observed;
  for (const stream of state.streams.values()) {
    if (stream.mode !== "ON_DEMAND" || stream.status !== "ACTIVE" || stream.key === null) continue;
    const wish = splitHottest(observed, stream) ?? mergeColdest(observed, stream);
    // What is wished for and refused would be wished for again at once.
    if (wish !== undefined && hasEnoughZones(state) && state.shardCount + 2 <= SHARDS_MAX) yield wish;
  }
};

function splitHottest({ liveness: { loads }, nowMs }: Observed, stream: Stream): Wish | undefined {
  const open = openShards(stream);
  if (open.length >= SHARDS_OF_STREAM_MAX) return undefined;
  let hottest: { shard: Shard; share: number } | undefined;
  for (const shard of open) {
    const share = loads.shareOf(shard.groupId, nowMs) ?? 0;
    if (share > (hottest?.share ?? HOT_SHARE)) hottest = { shard, share };
  }
  if (hottest === undefined) return undefined;
  const { number, startingHashKey, endingHashKey } = hottest.shard;
  const [starting, ending] = [BigInt(startingHashKey), BigInt(endingHashKey)];
  if (ending - starting < HASH_KEYS_MIN) return undefined;
  const split = { shardNumber: number, newStartingHashKey: String(starting + (ending - starting) / 2n + 1n) };
  return wished(stream, `split ${stream.streamId} ${number}`, { split });
}

function mergeColdest({ liveness: { loads }, nowMs }: Observed, stream: Stream): Wish | undefined {
  const open = openShards(stream);
  // Whoever asked for throughput to be kept warm, or changed the mode of a wide stream, keeps that width.
  if (open.length <= Math.max(SHARDS_MIN, stream.warmThroughputMibps)) return undefined;
  const isCold = ({ groupId }: Shard): boolean => loads.coldForMs(groupId, nowMs) >= MERGE_AFTER_MS;
  for (const [index, first] of open.entries()) {
    const second = open[index + 1];
    if (second === undefined || !isCold(first) || !isCold(second)) continue;
    const merge = { shardNumber: first.number, adjacentShardNumber: second.number };
    return wished(stream, `merge ${stream.streamId} ${first.number}`, { merge });
  }
  return undefined;
}

type Kind = { readonly split: object } | { readonly merge: object };

function wished({ key }: Stream, name: string, kind: Kind): Wish {
  return { key: name, command: { kind: "beginReshard", beginReshard: { key, ...kind } } };
}
