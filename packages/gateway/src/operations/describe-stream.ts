import type { ShardView } from "@millrace/client";
import {
  encryptionOf,
  isExpired,
  isShardAfter,
  shardDescription,
  shardLevelMetrics,
  streamArn,
  streamOf,
} from "../streams.ts";
import { defineOperation } from "./operation.ts";

const PAGE_MAX = 100;

export const describeStream = defineOperation("DescribeStream", (input, { metadata, clock }, request) => {
  const view = streamOf(metadata, input, request);
  const { stream, key } = view;
  const start = input.ExclusiveStartShardId ?? "";
  const nowMs = clock.nowMs();
  const isVisible = (shard: ShardView): boolean => isShardAfter(shard, start) && !isExpired(shard, nowMs);
  const visible = stream.status === "CREATING" ? [] : view.shards.filter(isVisible);
  const page = visible.slice(0, Math.min(input.Limit ?? PAGE_MAX, PAGE_MAX));
  return {
    StreamDescription: {
      StreamName: key.name,
      StreamARN: streamArn(view),
      StreamStatus: stream.status,
      StreamModeDetails: { StreamMode: stream.mode },
      Shards: page.map(shardDescription),
      HasMoreShards: page.length < visible.length,
      RetentionPeriodHours: stream.retentionHours,
      StreamCreationTimestamp: stream.createdAtMs,
      EnhancedMonitoring: [{ ShardLevelMetrics: shardLevelMetrics(view) }],
      ...encryptionOf(view),
    },
  };
});
