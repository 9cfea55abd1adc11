// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface BackupResult {
  'version'?: (number | string | Long);
  'clusterId'?: (string);
  'state'?: (Buffer | Uint8Array | string);
}

export interface BackupResult__Output {
  'version': (number);
  'clusterId': (string);
  'state': (Buffer);
}
