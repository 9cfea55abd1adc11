// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface CancelMove {
  'groupId'?: (number | string | Long);
  'joining'?: (string);
}

export interface CancelMove__Output {
  'groupId': (number);
  'joining': (string);
}
