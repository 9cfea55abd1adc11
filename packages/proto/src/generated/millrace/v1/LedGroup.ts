// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface LedGroup {
  'groupId'?: (number | string | Long);
  'term'?: (number | string | Long);
  'laggingNodes'?: (string)[];
}

export interface LedGroup__Output {
  'groupId': (number);
  'term': (number);
  'laggingNodes': (string)[];
}
