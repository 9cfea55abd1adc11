// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface LeaseChange {
  'shardNumber'?: (number);
  'counter'?: (number | string | Long);
  'nextOffset'?: (number | string | Long);
  'done'?: (boolean);
  'release'?: (boolean);
  'claim'?: (boolean);
}

export interface LeaseChange__Output {
  'shardNumber': (number);
  'counter': (number);
  'nextOffset': (number);
  'done': (boolean);
  'release': (boolean);
  'claim': (boolean);
}
