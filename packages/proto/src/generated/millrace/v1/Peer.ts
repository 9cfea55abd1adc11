// Original file: proto/millrace/v1/peer.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Acquaintance as _millrace_v1_Acquaintance, Acquaintance__Output as _millrace_v1_Acquaintance__Output } from '../../millrace/v1/Acquaintance.ts';
import type { Frame as _millrace_v1_Frame, Frame__Output as _millrace_v1_Frame__Output } from '../../millrace/v1/Frame.ts';
import type { Introduction as _millrace_v1_Introduction, Introduction__Output as _millrace_v1_Introduction__Output } from '../../millrace/v1/Introduction.ts';

export interface PeerClient extends grpc.Client {
  Exchange(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  Exchange(options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  exchange(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  exchange(options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  
  Introduce(argument: _millrace_v1_Introduction, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_Acquaintance__Output>): grpc.ClientUnaryCall;
  Introduce(argument: _millrace_v1_Introduction, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_Acquaintance__Output>): grpc.ClientUnaryCall;
  Introduce(argument: _millrace_v1_Introduction, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_Acquaintance__Output>): grpc.ClientUnaryCall;
  Introduce(argument: _millrace_v1_Introduction, callback: grpc.requestCallback<_millrace_v1_Acquaintance__Output>): grpc.ClientUnaryCall;
  introduce(argument: _millrace_v1_Introduction, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_Acquaintance__Output>): grpc.ClientUnaryCall;
  introduce(argument: _millrace_v1_Introduction, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_Acquaintance__Output>): grpc.ClientUnaryCall;
  introduce(argument: _millrace_v1_Introduction, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_Acquaintance__Output>): grpc.ClientUnaryCall;
  introduce(argument: _millrace_v1_Introduction, callback: grpc.requestCallback<_millrace_v1_Acquaintance__Output>): grpc.ClientUnaryCall;
  
}

export interface PeerHandlers extends grpc.UntypedServiceImplementation {
  Exchange: grpc.handleBidiStreamingCall<_millrace_v1_Frame__Output, _millrace_v1_Frame>;
  
  Introduce: grpc.handleUnaryCall<_millrace_v1_Introduction__Output, _millrace_v1_Acquaintance>;
  
}

export interface PeerDefinition extends grpc.ServiceDefinition {
  Exchange: MethodDefinition<_millrace_v1_Frame, _millrace_v1_Frame, _millrace_v1_Frame__Output, _millrace_v1_Frame__Output>
  Introduce: MethodDefinition<_millrace_v1_Introduction, _millrace_v1_Acquaintance, _millrace_v1_Introduction__Output, _millrace_v1_Acquaintance__Output>
}
