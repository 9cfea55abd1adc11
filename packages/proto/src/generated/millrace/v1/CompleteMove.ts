// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface CompleteMove {
  'groupId'?: (number | string | Long);
  'joining'?: (string);
  'term'?: (number | string | Long);
  'placedVersion'?: (number | string | Long);
}

export interface CompleteMove__Output {
  'groupId': (number);
  'joining': (string);
  'term': (number);
  'placedVersion': (number);
}
