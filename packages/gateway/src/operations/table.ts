import type { OperationName } from "../model/shapes.ts";
import { createStream } from "./create-stream.ts";
import { deleteStream } from "./delete-stream.ts";
import { describeLimits } from "./describe-limits.ts";
import { describeStream } from "./describe-stream.ts";
import { describeStreamSummary } from "./describe-stream-summary.ts";
import { getRecords } from "./get-records.ts";
import { getShardIterator } from "./get-shard-iterator.ts";
import { listShards } from "./list-shards.ts";
import { listStreams } from "./list-streams.ts";
import { describeAccountSettings, updateAccountSettings } from "./account-settings.ts";
import { addTagsToStream } from "./add-tags-to-stream.ts";
import { disableEnhancedMonitoring, enableEnhancedMonitoring } from "./enhanced-monitoring.ts";
import { listTagsForResource } from "./list-tags-for-resource.ts";
import { listTagsForStream } from "./list-tags-for-stream.ts";
import { removeTagsFromStream } from "./remove-tags-from-stream.ts";
import { mergeShards, splitShard, updateShardCount } from "./reshard.ts";
import { deleteResourcePolicy, getResourcePolicy, putResourcePolicy } from "./resource-policies.ts";
import { decreaseStreamRetentionPeriod, increaseStreamRetentionPeriod } from "./retention-period.ts";
import {
  deregisterStreamConsumer,
  describeStreamConsumer,
  listStreamConsumers,
  registerStreamConsumer,
} from "./stream-consumers.ts";
import { startStreamEncryption, stopStreamEncryption } from "./stream-encryption.ts";
import { subscribeToShard } from "./subscribe-to-shard.ts";
import { tagResource } from "./tag-resource.ts";
import { untagResource } from "./untag-resource.ts";
import { updateMaxRecordSize } from "./update-max-record-size.ts";
import { updateStreamMode } from "./update-stream-mode.ts";
import { updateStreamRecordDistributionStrategy } from "./update-stream-record-distribution-strategy.ts";
import { updateStreamWarmThroughput } from "./update-stream-warm-throughput.ts";
import type { Operation } from "./operation.ts";
import { putRecord } from "./put-record.ts";
import { putRecords } from "./put-records.ts";

/** The one place to add an operation. */
const OPERATIONS: readonly Operation[] = [
  createStream,
  deleteStream,
  describeLimits,
  describeStream,
  describeStreamSummary,
  getRecords,
  getShardIterator,
  listShards,
  listStreams,
  putRecord,
  putRecords,
  addTagsToStream,
  decreaseStreamRetentionPeriod,
  deleteResourcePolicy,
  deregisterStreamConsumer,
  describeAccountSettings,
  describeStreamConsumer,
  disableEnhancedMonitoring,
  enableEnhancedMonitoring,
  getResourcePolicy,
  increaseStreamRetentionPeriod,
  listStreamConsumers,
  listTagsForResource,
  listTagsForStream,
  mergeShards,
  putResourcePolicy,
  registerStreamConsumer,
  removeTagsFromStream,
  splitShard,
  startStreamEncryption,
  stopStreamEncryption,
  subscribeToShard,
  tagResource,
  untagResource,
  updateAccountSettings,
  updateMaxRecordSize,
  updateShardCount,
  updateStreamMode,
  updateStreamRecordDistributionStrategy,
  updateStreamWarmThroughput,
];

export const OPERATION_TABLE: ReadonlyMap<OperationName, Operation> = new Map(
  OPERATIONS.map((operation) => [operation.name, operation]),
);
