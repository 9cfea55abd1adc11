// Original file: proto/millrace/v1/controller.proto

import type { CreateStream as _millrace_v1_CreateStream, CreateStream__Output as _millrace_v1_CreateStream__Output } from '../../millrace/v1/CreateStream.ts';
import type { DeleteStream as _millrace_v1_DeleteStream, DeleteStream__Output as _millrace_v1_DeleteStream__Output } from '../../millrace/v1/DeleteStream.ts';
import type { RegisterBroker as _millrace_v1_RegisterBroker, RegisterBroker__Output as _millrace_v1_RegisterBroker__Output } from '../../millrace/v1/RegisterBroker.ts';
import type { ActivateStream as _millrace_v1_ActivateStream, ActivateStream__Output as _millrace_v1_ActivateStream__Output } from '../../millrace/v1/ActivateStream.ts';
import type { RemoveStream as _millrace_v1_RemoveStream, RemoveStream__Output as _millrace_v1_RemoveStream__Output } from '../../millrace/v1/RemoveStream.ts';
import type { InitializeCluster as _millrace_v1_InitializeCluster, InitializeCluster__Output as _millrace_v1_InitializeCluster__Output } from '../../millrace/v1/InitializeCluster.ts';
import type { SetBrokerState as _millrace_v1_SetBrokerState, SetBrokerState__Output as _millrace_v1_SetBrokerState__Output } from '../../millrace/v1/SetBrokerState.ts';
import type { UpdateStream as _millrace_v1_UpdateStream, UpdateStream__Output as _millrace_v1_UpdateStream__Output } from '../../millrace/v1/UpdateStream.ts';
import type { BeginReshard as _millrace_v1_BeginReshard, BeginReshard__Output as _millrace_v1_BeginReshard__Output } from '../../millrace/v1/BeginReshard.ts';
import type { RequestClose as _millrace_v1_RequestClose, RequestClose__Output as _millrace_v1_RequestClose__Output } from '../../millrace/v1/RequestClose.ts';
import type { CompleteReshard as _millrace_v1_CompleteReshard, CompleteReshard__Output as _millrace_v1_CompleteReshard__Output } from '../../millrace/v1/CompleteReshard.ts';
import type { BeginMove as _millrace_v1_BeginMove, BeginMove__Output as _millrace_v1_BeginMove__Output } from '../../millrace/v1/BeginMove.ts';
import type { CompleteMove as _millrace_v1_CompleteMove, CompleteMove__Output as _millrace_v1_CompleteMove__Output } from '../../millrace/v1/CompleteMove.ts';
import type { RemoveBroker as _millrace_v1_RemoveBroker, RemoveBroker__Output as _millrace_v1_RemoveBroker__Output } from '../../millrace/v1/RemoveBroker.ts';
import type { ReplicaDropped as _millrace_v1_ReplicaDropped, ReplicaDropped__Output as _millrace_v1_ReplicaDropped__Output } from '../../millrace/v1/ReplicaDropped.ts';
import type { RecoverShard as _millrace_v1_RecoverShard, RecoverShard__Output as _millrace_v1_RecoverShard__Output } from '../../millrace/v1/RecoverShard.ts';
import type { CancelMove as _millrace_v1_CancelMove, CancelMove__Output as _millrace_v1_CancelMove__Output } from '../../millrace/v1/CancelMove.ts';
import type { UpdateLeases as _millrace_v1_UpdateLeases, UpdateLeases__Output as _millrace_v1_UpdateLeases__Output } from '../../millrace/v1/UpdateLeases.ts';
import type { RemoveGroup as _millrace_v1_RemoveGroup, RemoveGroup__Output as _millrace_v1_RemoveGroup__Output } from '../../millrace/v1/RemoveGroup.ts';

export interface Command {
  'commandId'?: (string);
  'createStream'?: (_millrace_v1_CreateStream | null);
  'deleteStream'?: (_millrace_v1_DeleteStream | null);
  'registerBroker'?: (_millrace_v1_RegisterBroker | null);
  'activateStream'?: (_millrace_v1_ActivateStream | null);
  'removeStream'?: (_millrace_v1_RemoveStream | null);
  'initializeCluster'?: (_millrace_v1_InitializeCluster | null);
  'setBrokerState'?: (_millrace_v1_SetBrokerState | null);
  'updateStream'?: (_millrace_v1_UpdateStream | null);
  'beginReshard'?: (_millrace_v1_BeginReshard | null);
  'requestClose'?: (_millrace_v1_RequestClose | null);
  'completeReshard'?: (_millrace_v1_CompleteReshard | null);
  'beginMove'?: (_millrace_v1_BeginMove | null);
  'completeMove'?: (_millrace_v1_CompleteMove | null);
  'removeBroker'?: (_millrace_v1_RemoveBroker | null);
  'replicaDropped'?: (_millrace_v1_ReplicaDropped | null);
  'recoverShard'?: (_millrace_v1_RecoverShard | null);
  'cancelMove'?: (_millrace_v1_CancelMove | null);
  'updateLeases'?: (_millrace_v1_UpdateLeases | null);
  'removeGroup'?: (_millrace_v1_RemoveGroup | null);
  'kind'?: "createStream"|"deleteStream"|"registerBroker"|"activateStream"|"removeStream"|"initializeCluster"|"setBrokerState"|"updateStream"|"beginReshard"|"requestClose"|"completeReshard"|"beginMove"|"completeMove"|"removeBroker"|"replicaDropped"|"recoverShard"|"cancelMove"|"updateLeases"|"removeGroup";
}

export interface Command__Output {
  'commandId': (string);
  'createStream'?: (_millrace_v1_CreateStream__Output | null);
  'deleteStream'?: (_millrace_v1_DeleteStream__Output | null);
  'registerBroker'?: (_millrace_v1_RegisterBroker__Output | null);
  'activateStream'?: (_millrace_v1_ActivateStream__Output | null);
  'removeStream'?: (_millrace_v1_RemoveStream__Output | null);
  'initializeCluster'?: (_millrace_v1_InitializeCluster__Output | null);
  'setBrokerState'?: (_millrace_v1_SetBrokerState__Output | null);
  'updateStream'?: (_millrace_v1_UpdateStream__Output | null);
  'beginReshard'?: (_millrace_v1_BeginReshard__Output | null);
  'requestClose'?: (_millrace_v1_RequestClose__Output | null);
  'completeReshard'?: (_millrace_v1_CompleteReshard__Output | null);
  'beginMove'?: (_millrace_v1_BeginMove__Output | null);
  'completeMove'?: (_millrace_v1_CompleteMove__Output | null);
  'removeBroker'?: (_millrace_v1_RemoveBroker__Output | null);
  'replicaDropped'?: (_millrace_v1_ReplicaDropped__Output | null);
  'recoverShard'?: (_millrace_v1_RecoverShard__Output | null);
  'cancelMove'?: (_millrace_v1_CancelMove__Output | null);
  'updateLeases'?: (_millrace_v1_UpdateLeases__Output | null);
  'removeGroup'?: (_millrace_v1_RemoveGroup__Output | null);
  'kind'?: "createStream"|"deleteStream"|"registerBroker"|"activateStream"|"removeStream"|"initializeCluster"|"setBrokerState"|"updateStream"|"beginReshard"|"requestClose"|"completeReshard"|"beginMove"|"completeMove"|"removeBroker"|"replicaDropped"|"recoverShard"|"cancelMove"|"updateLeases"|"removeGroup";
}
