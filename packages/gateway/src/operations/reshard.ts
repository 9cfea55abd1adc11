import type { ShardView, StreamView } from "@millrace/client";
import { formatShardId, parseHashKey, parseShardId } from "@millrace/proto";
import { executeChecked } from "../control.ts";
import { awsError } from "../errors.ts";
import { notActive, streamArn, streamNameOf, streamOf } from "../streams.ts";
import { defineOperation, type Services } from "./operation.ts";

const TARGET_SHARD_COUNT_MAX = 10_000;

/** @throws AwsError SHARD_NOT_FOUND */
function numberOf(text: string, stream: { readonly name: string; readonly accountId: string }): number {
  const number = parseShardId(text);
  if (number === undefined || Number.isNaN(number)) {
    throw awsError("SHARD_NOT_FOUND", { shardId: text, stream: stream.name, accountId: stream.accountId });
  }
  return number;
}

/** @throws AwsError ON_DEMAND_REFUSED, STREAM_NOT_ACTIVE */
function checkReshardable(view: StreamView): void {
  const { name, accountId } = view.key;
  if (view.stream.status !== "ACTIVE") throw notActive(view);
  if (view.stream.mode === "ON_DEMAND") throw awsError("ON_DEMAND_REFUSED", { stream: name, accountId });
}

/** @throws AwsError SHARD_NOT_FOUND, SHARD_CLOSED */
function openShard(view: StreamView, number: number): ShardView {
  const fields = { shardId: formatShardId(number), stream: view.key.name, accountId: view.key.accountId };
  const shard = view.shardByNumber(number);
  if (shard === undefined) throw awsError("SHARD_NOT_FOUND", fields);
  if (!shard.open) throw awsError("SHARD_CLOSED", fields);
  return shard;
}

export const splitShard = defineOperation("SplitShard", async (input, services, request) => {
  const name = streamNameOf(input, request);
  const shardNumber = numberOf(input.ShardToSplit, name);
  const view = streamOf(services.metadata, input, request);
  const hashKey = input.NewStartingHashKey;
  const check = (): void => {
    checkReshardable(view);
    const { shard, shardId, startingHashKey, endingHashKey } = openShard(view, shardNumber);
    const at = parseHashKey(hashKey);
    if (at !== undefined && at > startingHashKey + 1n && at < endingHashKey) return;
    const { name: stream, accountId } = view.key;
    const bounds = { startingHashKey: shard.startingHashKey, endingHashKey: shard.endingHashKey };
    throw awsError("SPLIT_KEY", { hashKey, ...bounds, shardId, stream, accountId });
  };
  const command = { beginReshard: { key: view.key, split: { shardNumber, newStartingHashKey: hashKey } } };
  await executeChecked(services, request, command, { stream: view.key.name, check });
  return undefined;
});

export const mergeShards = defineOperation("MergeShards", async (input, services, request) => {
  const name = streamNameOf(input, request);
  const shardNumber = numberOf(input.ShardToMerge, name);
  const adjacentShardNumber = numberOf(input.AdjacentShardToMerge, name);
  const view = streamOf(services.metadata, input, request);
  const check = (): void => {
    checkReshardable(view);
    const first = openShard(view, shardNumber);
    const second = openShard(view, adjacentShardNumber);
    if (first.endingHashKey + 1n === second.startingHashKey) return;
    const { name: stream, accountId } = view.key;
    throw awsError("NOT_ADJACENT", { shardId: first.shardId, adjacentShardId: second.shardId, stream, accountId });
  };
  const command = { beginReshard: { key: view.key, merge: { shardNumber, adjacentShardNumber } } };
  await executeChecked(services, request, command, { stream: view.key.name, check });
  return undefined;
});

export const updateShardCount = defineOperation("UpdateShardCount", async (input, services: Services, request) => {
  const view = streamOf(services.metadata, input, request);
  const openShardCount = view.openShards.length;
  const targetShardCount = input.TargetShardCount;
  const check = (): void => {
    checkReshardable(view);
    if (targetShardCount > 2 * openShardCount || targetShardCount > TARGET_SHARD_COUNT_MAX) {
      throw awsError("SCALE_UP", { openShardCount, targetShardCount });
    }
    if (targetShardCount < openShardCount / 2) throw awsError("SCALE_DOWN", { openShardCount, targetShardCount });
  };
  const command = { beginReshard: { key: view.key, targetShardCount } };
  await executeChecked(services, request, command, { stream: view.key.name, check });
  return {
    StreamName: view.key.name,
    StreamARN: streamArn(view),
    CurrentShardCount: openShardCount,
    TargetShardCount: targetShardCount,
  };
});
