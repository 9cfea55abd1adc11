// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface BeginMove {
  'groupId'?: (number | string | Long);
  'joining'?: (string);
  'leaving'?: (string);
  'term'?: (number | string | Long);
}

export interface BeginMove__Output {
  'groupId': (number);
  'joining': (string);
  'leaving': (string);
  'term': (number);
}
