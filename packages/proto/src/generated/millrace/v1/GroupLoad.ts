// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface GroupLoad {
  'groupId'?: (number | string | Long);
  'writeBytesPerSecond'?: (number | string);
  'writeRecordsPerSecond'?: (number | string);
}

export interface GroupLoad__Output {
  'groupId': (number);
  'writeBytesPerSecond': (number);
  'writeRecordsPerSecond': (number);
}
