// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface RemoveGroup {
  'streamId'?: (number | string | Long);
  'group'?: (string);
}

export interface RemoveGroup__Output {
  'streamId': (number);
  'group': (string);
}
