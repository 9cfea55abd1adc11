// Original file: proto/millrace/v1/peer.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Frame as _millrace_v1_Frame, Frame__Output as _millrace_v1_Frame__Output } from '../../millrace/v1/Frame.ts';

export interface PeerClient extends grpc.Client {
  Exchange(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  Exchange(options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  exchange(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  exchange(options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  
}

export interface PeerHandlers extends grpc.UntypedServiceImplementation {
  Exchange: grpc.handleBidiStreamingCall<_millrace_v1_Frame__Output, _millrace_v1_Frame>;
  
}

export interface PeerDefinition extends grpc.ServiceDefinition {
  Exchange: MethodDefinition<_millrace_v1_Frame, _millrace_v1_Frame, _millrace_v1_Frame__Output, _millrace_v1_Frame__Output>
}
