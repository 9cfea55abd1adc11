import type { StreamView } from "@millrace/client";
import { encryptionOf, shardLevelMetrics, streamArn, streamOf } from "../streams.ts";
import { defineOperation } from "./operation.ts";

function onDemandDescription({ stream }: StreamView) {
  const { recordDistribution, warmThroughputMibps: warm } = stream;
  return {
    RecordDistributionStrategy: recordDistribution === "AUTO" ? ("AUTO" as const) : ("USER_PARTITION_KEY" as const),
    ...(warm === 0 ? {} : { WarmThroughput: { TargetMiBps: warm, CurrentMiBps: warm } }),
  };
}

export const describeStreamSummary = defineOperation("DescribeStreamSummary", (input, { metadata }, request) => {
  const view = streamOf(metadata, input, request);
  const { stream, key } = view;
  return {
    StreamDescriptionSummary: {
      StreamName: key.name,
      StreamARN: streamArn(view),
      StreamStatus: stream.status,
      StreamModeDetails: { StreamMode: stream.mode },
      RetentionPeriodHours: stream.retentionHours,
      StreamCreationTimestamp: stream.createdAtMs,
      EnhancedMonitoring: [{ ShardLevelMetrics: shardLevelMetrics(view) }],
      ...encryptionOf(view),
      OpenShardCount: stream.status === "CREATING" ? 0 : view.openShards.length,
      ConsumerCount: stream.consumers.length,
      MaxRecordSizeInKiB: stream.maxRecordSizeKib,
      ...(stream.mode === "ON_DEMAND" ? onDemandDescription(view) : {}),
    },
  };
});
