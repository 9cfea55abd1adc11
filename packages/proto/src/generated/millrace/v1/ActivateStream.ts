// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface ActivateStream {
  'streamId'?: (number | string | Long);
}

export interface ActivateStream__Output {
  'streamId': (number);
}
