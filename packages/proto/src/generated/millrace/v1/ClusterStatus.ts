// Original file: proto/millrace/v1/controller.proto

import type { NodeStatus as _millrace_v1_NodeStatus, NodeStatus__Output as _millrace_v1_NodeStatus__Output } from '../../millrace/v1/NodeStatus.ts';
import type { StreamFaults as _millrace_v1_StreamFaults, StreamFaults__Output as _millrace_v1_StreamFaults__Output } from '../../millrace/v1/StreamFaults.ts';
import type { Long } from '@grpc/proto-loader';

export interface ClusterStatus {
  'version'?: (number | string | Long);
  'clusterId'?: (string);
  'nodes'?: (_millrace_v1_NodeStatus)[];
  'streams'?: (number);
  'underReplicatedShards'?: (number);
  'leaderlessShards'?: (number);
  'streamFaults'?: (_millrace_v1_StreamFaults)[];
}

export interface ClusterStatus__Output {
  'version': (number);
  'clusterId': (string);
  'nodes': (_millrace_v1_NodeStatus__Output)[];
  'streams': (number);
  'underReplicatedShards': (number);
  'leaderlessShards': (number);
  'streamFaults': (_millrace_v1_StreamFaults__Output)[];
}
