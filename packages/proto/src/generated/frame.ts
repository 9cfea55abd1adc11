import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Frame as _millrace_v1_Frame, Frame__Output as _millrace_v1_Frame__Output } from './millrace/v1/Frame.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  millrace: {
    v1: {
      Frame: MessageTypeDefinition<_millrace_v1_Frame, _millrace_v1_Frame__Output>
    }
  }
}

