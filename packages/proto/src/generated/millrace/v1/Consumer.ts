// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface Consumer {
  'name'?: (string);
  'createdAtMs'?: (number | string | Long);
  'policy'?: (string);
}

export interface Consumer__Output {
  'name': (string);
  'createdAtMs': (number);
  'policy': (string);
}
