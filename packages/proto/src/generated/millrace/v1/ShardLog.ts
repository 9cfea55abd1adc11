// Original file: proto/millrace/v1/shard_log.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Frame as _millrace_v1_Frame, Frame__Output as _millrace_v1_Frame__Output } from '../../millrace/v1/Frame.ts';
import type { SubscribeRequest as _millrace_v1_SubscribeRequest, SubscribeRequest__Output as _millrace_v1_SubscribeRequest__Output } from '../../millrace/v1/SubscribeRequest.ts';

export interface ShardLogClient extends grpc.Client {
  Append(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  Append(options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  append(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  append(options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  
  Read(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  Read(options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  read(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  read(options?: grpc.CallOptions): grpc.ClientDuplexStream<_millrace_v1_Frame, _millrace_v1_Frame__Output>;
  
  Subscribe(argument: _millrace_v1_SubscribeRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_millrace_v1_Frame__Output>;
  Subscribe(argument: _millrace_v1_SubscribeRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_millrace_v1_Frame__Output>;
  subscribe(argument: _millrace_v1_SubscribeRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_millrace_v1_Frame__Output>;
  subscribe(argument: _millrace_v1_SubscribeRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_millrace_v1_Frame__Output>;
  
}

export interface ShardLogHandlers extends grpc.UntypedServiceImplementation {
  Append: grpc.handleBidiStreamingCall<_millrace_v1_Frame__Output, _millrace_v1_Frame>;
  
  Read: grpc.handleBidiStreamingCall<_millrace_v1_Frame__Output, _millrace_v1_Frame>;
  
  Subscribe: grpc.handleServerStreamingCall<_millrace_v1_SubscribeRequest__Output, _millrace_v1_Frame>;
  
}

export interface ShardLogDefinition extends grpc.ServiceDefinition {
  Append: MethodDefinition<_millrace_v1_Frame, _millrace_v1_Frame, _millrace_v1_Frame__Output, _millrace_v1_Frame__Output>
  Read: MethodDefinition<_millrace_v1_Frame, _millrace_v1_Frame, _millrace_v1_Frame__Output, _millrace_v1_Frame__Output>
  Subscribe: MethodDefinition<_millrace_v1_SubscribeRequest, _millrace_v1_Frame, _millrace_v1_SubscribeRequest__Output, _millrace_v1_Frame__Output>
}
