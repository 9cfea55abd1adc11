// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface HeartbeatResult {
  'registered'?: (boolean);
  'version'?: (number | string | Long);
  'clusterNowMs'?: (number | string | Long);
  'laggingReplicas'?: (number);
}

export interface HeartbeatResult__Output {
  'registered': (boolean);
  'version': (number);
  'clusterNowMs': (number);
  'laggingReplicas': (number);
}
