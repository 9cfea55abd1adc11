// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface Lease {
  'shardNumber'?: (number);
  'owner'?: (string);
  'counter'?: (number | string | Long);
  'nextOffset'?: (number | string | Long);
  'done'?: (boolean);
  'claimant'?: (string);
}

export interface Lease__Output {
  'shardNumber': (number);
  'owner': (string);
  'counter': (number);
  'nextOffset': (number);
  'done': (boolean);
  'claimant': (string);
}
