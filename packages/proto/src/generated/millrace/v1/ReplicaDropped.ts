// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface ReplicaDropped {
  'groupId'?: (number | string | Long);
  'nodeId'?: (string);
}

export interface ReplicaDropped__Output {
  'groupId': (number);
  'nodeId': (string);
}
