// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface RemoveStream {
  'streamId'?: (number | string | Long);
}

export interface RemoveStream__Output {
  'streamId': (number);
}
