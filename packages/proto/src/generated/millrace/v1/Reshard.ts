// Original file: proto/millrace/v1/controller.proto

import type { Shard as _millrace_v1_Shard, Shard__Output as _millrace_v1_Shard__Output } from '../../millrace/v1/Shard.ts';

export interface Reshard {
  'children'?: (_millrace_v1_Shard)[];
  'parents'?: (number)[];
  'closeRequested'?: (boolean);
  'targetShardCount'?: (number);
}

export interface Reshard__Output {
  'children': (_millrace_v1_Shard__Output)[];
  'parents': (number)[];
  'closeRequested': (boolean);
  'targetShardCount': (number);
}
