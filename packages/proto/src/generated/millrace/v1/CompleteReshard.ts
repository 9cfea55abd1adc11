// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface CompleteReshard {
  'streamId'?: (number | string | Long);
}

export interface CompleteReshard__Output {
  'streamId': (number);
}
