import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Acquaintance as _millrace_v1_Acquaintance, Acquaintance__Output as _millrace_v1_Acquaintance__Output } from './millrace/v1/Acquaintance.ts';
import type { Frame as _millrace_v1_Frame, Frame__Output as _millrace_v1_Frame__Output } from './millrace/v1/Frame.ts';
import type { Introduction as _millrace_v1_Introduction, Introduction__Output as _millrace_v1_Introduction__Output } from './millrace/v1/Introduction.ts';
import type { PeerClient as _millrace_v1_PeerClient, PeerDefinition as _millrace_v1_PeerDefinition } from './millrace/v1/Peer.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  millrace: {
    v1: {
      Acquaintance: MessageTypeDefinition<_millrace_v1_Acquaintance, _millrace_v1_Acquaintance__Output>
      Frame: MessageTypeDefinition<_millrace_v1_Frame, _millrace_v1_Frame__Output>
      Introduction: MessageTypeDefinition<_millrace_v1_Introduction, _millrace_v1_Introduction__Output>
      Peer: SubtypeConstructor<typeof grpc.Client, _millrace_v1_PeerClient> & { service: _millrace_v1_PeerDefinition }
    }
  }
}

