// Original file: proto/millrace/v1/controller.proto

import type { Stream as _millrace_v1_Stream, Stream__Output as _millrace_v1_Stream__Output } from '../../millrace/v1/Stream.ts';
import type { Broker as _millrace_v1_Broker, Broker__Output as _millrace_v1_Broker__Output } from '../../millrace/v1/Broker.ts';
import type { ClusterIdentity as _millrace_v1_ClusterIdentity, ClusterIdentity__Output as _millrace_v1_ClusterIdentity__Output } from '../../millrace/v1/ClusterIdentity.ts';
import type { Long } from '@grpc/proto-loader';

export interface MetadataUpdate {
  'version'?: (number | string | Long);
  'full'?: (boolean);
  'streams'?: (_millrace_v1_Stream)[];
  'removedStreamIds'?: (number | string | Long)[];
  'brokers'?: (_millrace_v1_Broker)[];
  'brokersChanged'?: (boolean);
  'cluster'?: (_millrace_v1_ClusterIdentity | null);
}

export interface MetadataUpdate__Output {
  'version': (number);
  'full': (boolean);
  'streams': (_millrace_v1_Stream__Output)[];
  'removedStreamIds': (number)[];
  'brokers': (_millrace_v1_Broker__Output)[];
  'brokersChanged': (boolean);
  'cluster': (_millrace_v1_ClusterIdentity__Output | null);
}
