// Original file: proto/millrace/v1/controller.proto

import type { StreamKey as _millrace_v1_StreamKey, StreamKey__Output as _millrace_v1_StreamKey__Output } from '../../millrace/v1/StreamKey.ts';
import type { SplitShard as _millrace_v1_SplitShard, SplitShard__Output as _millrace_v1_SplitShard__Output } from '../../millrace/v1/SplitShard.ts';
import type { MergeShards as _millrace_v1_MergeShards, MergeShards__Output as _millrace_v1_MergeShards__Output } from '../../millrace/v1/MergeShards.ts';

export interface BeginReshard {
  'key'?: (_millrace_v1_StreamKey | null);
  'split'?: (_millrace_v1_SplitShard | null);
  'merge'?: (_millrace_v1_MergeShards | null);
  'targetShardCount'?: (number);
  'kind'?: "split"|"merge"|"targetShardCount";
}

export interface BeginReshard__Output {
  'key': (_millrace_v1_StreamKey__Output | null);
  'split'?: (_millrace_v1_SplitShard__Output | null);
  'merge'?: (_millrace_v1_MergeShards__Output | null);
  'targetShardCount'?: (number);
  'kind'?: "split"|"merge"|"targetShardCount";
}
