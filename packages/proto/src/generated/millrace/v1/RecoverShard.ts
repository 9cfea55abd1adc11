// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface RecoverShard {
  'groupId'?: (number | string | Long);
  'survivor'?: (string);
}

export interface RecoverShard__Output {
  'groupId': (number);
  'survivor': (string);
}
