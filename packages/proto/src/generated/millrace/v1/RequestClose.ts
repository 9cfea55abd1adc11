// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface RequestClose {
  'streamId'?: (number | string | Long);
}

export interface RequestClose__Output {
  'streamId': (number);
}
