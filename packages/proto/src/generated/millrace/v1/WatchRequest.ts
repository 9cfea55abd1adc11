// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface WatchRequest {
  'knownVersion'?: (number | string | Long);
  'clusterId'?: (string);
}

export interface WatchRequest__Output {
  'knownVersion': (number);
  'clusterId': (string);
}
