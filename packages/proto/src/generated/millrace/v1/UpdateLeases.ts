// Original file: proto/millrace/v1/controller.proto

import type { LeaseChange as _millrace_v1_LeaseChange, LeaseChange__Output as _millrace_v1_LeaseChange__Output } from '../../millrace/v1/LeaseChange.ts';
import type { Long } from '@grpc/proto-loader';

export interface UpdateLeases {
  'streamId'?: (number | string | Long);
  'group'?: (string);
  'worker'?: (string);
  'begin'?: (boolean);
  'changes'?: (_millrace_v1_LeaseChange)[];
}

export interface UpdateLeases__Output {
  'streamId': (number);
  'group': (string);
  'worker': (string);
  'begin': (boolean);
  'changes': (_millrace_v1_LeaseChange__Output)[];
}
