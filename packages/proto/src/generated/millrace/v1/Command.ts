// Original file: proto/millrace/v1/controller.proto

import type { CreateStream as _millrace_v1_CreateStream, CreateStream__Output as _millrace_v1_CreateStream__Output } from '../../millrace/v1/CreateStream.ts';
import type { DeleteStream as _millrace_v1_DeleteStream, DeleteStream__Output as _millrace_v1_DeleteStream__Output } from '../../millrace/v1/DeleteStream.ts';
import type { RegisterBroker as _millrace_v1_RegisterBroker, RegisterBroker__Output as _millrace_v1_RegisterBroker__Output } from '../../millrace/v1/RegisterBroker.ts';
import type { ActivateStream as _millrace_v1_ActivateStream, ActivateStream__Output as _millrace_v1_ActivateStream__Output } from '../../millrace/v1/ActivateStream.ts';
import type { RemoveStream as _millrace_v1_RemoveStream, RemoveStream__Output as _millrace_v1_RemoveStream__Output } from '../../millrace/v1/RemoveStream.ts';
import type { InitializeCluster as _millrace_v1_InitializeCluster, InitializeCluster__Output as _millrace_v1_InitializeCluster__Output } from '../../millrace/v1/InitializeCluster.ts';
import type { SetBrokerState as _millrace_v1_SetBrokerState, SetBrokerState__Output as _millrace_v1_SetBrokerState__Output } from '../../millrace/v1/SetBrokerState.ts';

export interface Command {
  'commandId'?: (string);
  'createStream'?: (_millrace_v1_CreateStream | null);
  'deleteStream'?: (_millrace_v1_DeleteStream | null);
  'registerBroker'?: (_millrace_v1_RegisterBroker | null);
  'activateStream'?: (_millrace_v1_ActivateStream | null);
  'removeStream'?: (_millrace_v1_RemoveStream | null);
  'initializeCluster'?: (_millrace_v1_InitializeCluster | null);
  'setBrokerState'?: (_millrace_v1_SetBrokerState | null);
  'kind'?: "createStream"|"deleteStream"|"registerBroker"|"activateStream"|"removeStream"|"initializeCluster"|"setBrokerState";
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
  'kind'?: "createStream"|"deleteStream"|"registerBroker"|"activateStream"|"removeStream"|"initializeCluster"|"setBrokerState";
}
