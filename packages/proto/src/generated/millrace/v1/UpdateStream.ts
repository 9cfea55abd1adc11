// Original file: proto/millrace/v1/controller.proto

import type { StreamKey as _millrace_v1_StreamKey, StreamKey__Output as _millrace_v1_StreamKey__Output } from '../../millrace/v1/StreamKey.ts';
import type { StreamMode as _millrace_v1_StreamMode, StreamMode__Output as _millrace_v1_StreamMode__Output } from '../../millrace/v1/StreamMode.ts';
import type { ShardLevelMetrics as _millrace_v1_ShardLevelMetrics, ShardLevelMetrics__Output as _millrace_v1_ShardLevelMetrics__Output } from '../../millrace/v1/ShardLevelMetrics.ts';
import type { TagChange as _millrace_v1_TagChange, TagChange__Output as _millrace_v1_TagChange__Output } from '../../millrace/v1/TagChange.ts';
import type { PolicyChange as _millrace_v1_PolicyChange, PolicyChange__Output as _millrace_v1_PolicyChange__Output } from '../../millrace/v1/PolicyChange.ts';
import type { Faults as _millrace_v1_Faults, Faults__Output as _millrace_v1_Faults__Output } from '../../millrace/v1/Faults.ts';

export interface UpdateStream {
  'key'?: (_millrace_v1_StreamKey | null);
  'retentionHours'?: (number);
  'mode'?: (_millrace_v1_StreamMode);
  'maxRecordSizeKib'?: (number);
  'encryptionKeyId'?: (string);
  'shardLevelMetrics'?: (_millrace_v1_ShardLevelMetrics | null);
  'tags'?: (_millrace_v1_TagChange | null);
  'registerConsumer'?: (string);
  'deregisterConsumer'?: (string);
  'policy'?: (_millrace_v1_PolicyChange | null);
  'recordDistribution'?: (string);
  'warmThroughputMibps'?: (number);
  'consumerTags'?: ({[key: string]: string});
  'modeWarmThroughputMibps'?: (number);
  'faults'?: (_millrace_v1_Faults | null);
  'change'?: "retentionHours"|"mode"|"maxRecordSizeKib"|"encryptionKeyId"|"shardLevelMetrics"|"tags"|"registerConsumer"|"deregisterConsumer"|"policy"|"recordDistribution"|"warmThroughputMibps"|"faults";
}

export interface UpdateStream__Output {
  'key': (_millrace_v1_StreamKey__Output | null);
  'retentionHours'?: (number);
  'mode'?: (_millrace_v1_StreamMode__Output);
  'maxRecordSizeKib'?: (number);
  'encryptionKeyId'?: (string);
  'shardLevelMetrics'?: (_millrace_v1_ShardLevelMetrics__Output | null);
  'tags'?: (_millrace_v1_TagChange__Output | null);
  'registerConsumer'?: (string);
  'deregisterConsumer'?: (string);
  'policy'?: (_millrace_v1_PolicyChange__Output | null);
  'recordDistribution'?: (string);
  'warmThroughputMibps'?: (number);
  'consumerTags': ({[key: string]: string});
  'modeWarmThroughputMibps': (number);
  'faults'?: (_millrace_v1_Faults__Output | null);
  'change'?: "retentionHours"|"mode"|"maxRecordSizeKib"|"encryptionKeyId"|"shardLevelMetrics"|"tags"|"registerConsumer"|"deregisterConsumer"|"policy"|"recordDistribution"|"warmThroughputMibps"|"faults";
}
