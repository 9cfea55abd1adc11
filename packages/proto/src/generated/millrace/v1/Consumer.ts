// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface Consumer {
  'name'?: (string);
  'createdAtMs'?: (number | string | Long);
  'policy'?: (string);
  'tags'?: ({[key: string]: string});
}

export interface Consumer__Output {
  'name': (string);
  'createdAtMs': (number);
  'policy': (string);
  'tags': ({[key: string]: string});
}
