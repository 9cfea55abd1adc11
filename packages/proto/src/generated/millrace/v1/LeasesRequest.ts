// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface LeasesRequest {
  'streamId'?: (number | string | Long);
  'group'?: (string);
}

export interface LeasesRequest__Output {
  'streamId': (number);
  'group': (string);
}
