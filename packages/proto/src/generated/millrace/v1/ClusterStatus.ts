// Original file: proto/millrace/v1/controller.proto

import type { NodeStatus as _millrace_v1_NodeStatus, NodeStatus__Output as _millrace_v1_NodeStatus__Output } from '../../millrace/v1/NodeStatus.ts';
import type { Long } from '@grpc/proto-loader';

export interface ClusterStatus {
  'version'?: (number | string | Long);
  'clusterId'?: (string);
  'nodes'?: (_millrace_v1_NodeStatus)[];
  'streams'?: (number);
  'underReplicatedShards'?: (number);
  'leaderlessShards'?: (number);
}

export interface ClusterStatus__Output {
  'version': (number);
  'clusterId': (string);
  'nodes': (_millrace_v1_NodeStatus__Output)[];
  'streams': (number);
  'underReplicatedShards': (number);
  'leaderlessShards': (number);
}
