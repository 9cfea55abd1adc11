// Original file: proto/millrace/v1/controller.proto

import type { ClusterSettings as _millrace_v1_ClusterSettings, ClusterSettings__Output as _millrace_v1_ClusterSettings__Output } from '../../millrace/v1/ClusterSettings.ts';
import type { Long } from '@grpc/proto-loader';

export interface ClusterIdentity {
  'clusterId'?: (string);
  'tokenKey'?: (Buffer | Uint8Array | string);
  'settings'?: (_millrace_v1_ClusterSettings | null);
  'restoredGroupIdMax'?: (number | string | Long);
}

export interface ClusterIdentity__Output {
  'clusterId': (string);
  'tokenKey': (Buffer);
  'settings': (_millrace_v1_ClusterSettings__Output | null);
  'restoredGroupIdMax': (number);
}
