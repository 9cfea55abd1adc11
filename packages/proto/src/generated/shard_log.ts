import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Frame as _millrace_v1_Frame, Frame__Output as _millrace_v1_Frame__Output } from './millrace/v1/Frame.ts';
import type { ShardLogClient as _millrace_v1_ShardLogClient, ShardLogDefinition as _millrace_v1_ShardLogDefinition } from './millrace/v1/ShardLog.ts';
import type { SubscribeRequest as _millrace_v1_SubscribeRequest, SubscribeRequest__Output as _millrace_v1_SubscribeRequest__Output } from './millrace/v1/SubscribeRequest.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  millrace: {
    v1: {
      Frame: MessageTypeDefinition<_millrace_v1_Frame, _millrace_v1_Frame__Output>
      ShardLog: SubtypeConstructor<typeof grpc.Client, _millrace_v1_ShardLogClient> & { service: _millrace_v1_ShardLogDefinition }
      SubscribeRequest: MessageTypeDefinition<_millrace_v1_SubscribeRequest, _millrace_v1_SubscribeRequest__Output>
    }
  }
}

