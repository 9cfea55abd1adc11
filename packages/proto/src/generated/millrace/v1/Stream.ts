// Original file: proto/millrace/v1/controller.proto

import type { StreamKey as _millrace_v1_StreamKey, StreamKey__Output as _millrace_v1_StreamKey__Output } from '../../millrace/v1/StreamKey.ts';
import type { StreamStatus as _millrace_v1_StreamStatus, StreamStatus__Output as _millrace_v1_StreamStatus__Output } from '../../millrace/v1/StreamStatus.ts';
import type { StreamMode as _millrace_v1_StreamMode, StreamMode__Output as _millrace_v1_StreamMode__Output } from '../../millrace/v1/StreamMode.ts';
import type { Shard as _millrace_v1_Shard, Shard__Output as _millrace_v1_Shard__Output } from '../../millrace/v1/Shard.ts';
import type { Consumer as _millrace_v1_Consumer, Consumer__Output as _millrace_v1_Consumer__Output } from '../../millrace/v1/Consumer.ts';
import type { Reshard as _millrace_v1_Reshard, Reshard__Output as _millrace_v1_Reshard__Output } from '../../millrace/v1/Reshard.ts';
import type { Faults as _millrace_v1_Faults, Faults__Output as _millrace_v1_Faults__Output } from '../../millrace/v1/Faults.ts';
import type { Long } from '@grpc/proto-loader';

export interface Stream {
  'streamId'?: (number | string | Long);
  'key'?: (_millrace_v1_StreamKey | null);
  'status'?: (_millrace_v1_StreamStatus);
  'mode'?: (_millrace_v1_StreamMode);
  'createdAtMs'?: (number | string | Long);
  'retentionHours'?: (number);
  'maxRecordSizeKib'?: (number);
  'tags'?: ({[key: string]: string});
  'shards'?: (_millrace_v1_Shard)[];
  'encryptionKeyId'?: (string);
  'shardLevelMetrics'?: (string)[];
  'consumers'?: (_millrace_v1_Consumer)[];
  'policy'?: (string);
  'recordDistribution'?: (string);
  'warmThroughputMibps'?: (number);
  'reshard'?: (_millrace_v1_Reshard | null);
  'faults'?: (_millrace_v1_Faults | null);
}

export interface Stream__Output {
  'streamId': (number);
  'key': (_millrace_v1_StreamKey__Output | null);
  'status': (_millrace_v1_StreamStatus__Output);
  'mode': (_millrace_v1_StreamMode__Output);
  'createdAtMs': (number);
  'retentionHours': (number);
  'maxRecordSizeKib': (number);
  'tags': ({[key: string]: string});
  'shards': (_millrace_v1_Shard__Output)[];
  'encryptionKeyId': (string);
  'shardLevelMetrics': (string)[];
  'consumers': (_millrace_v1_Consumer__Output)[];
  'policy': (string);
  'recordDistribution': (string);
  'warmThroughputMibps': (number);
  'reshard': (_millrace_v1_Reshard__Output | null);
  'faults': (_millrace_v1_Faults__Output | null);
}
