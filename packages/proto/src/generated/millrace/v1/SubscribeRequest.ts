// Original file: proto/millrace/v1/shard_log.proto

import type { Long } from '@grpc/proto-loader';

export interface SubscribeRequest {
  'groupId'?: (number | string | Long);
  'fromOffset'?: (number | string | Long);
}

export interface SubscribeRequest__Output {
  'groupId': (number);
  'fromOffset': (number);
}
