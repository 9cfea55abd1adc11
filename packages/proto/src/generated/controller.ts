import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { ActivateStream as _millrace_v1_ActivateStream, ActivateStream__Output as _millrace_v1_ActivateStream__Output } from './millrace/v1/ActivateStream.ts';
import type { BackupRequest as _millrace_v1_BackupRequest, BackupRequest__Output as _millrace_v1_BackupRequest__Output } from './millrace/v1/BackupRequest.ts';
import type { BackupResult as _millrace_v1_BackupResult, BackupResult__Output as _millrace_v1_BackupResult__Output } from './millrace/v1/BackupResult.ts';
import type { BeginMove as _millrace_v1_BeginMove, BeginMove__Output as _millrace_v1_BeginMove__Output } from './millrace/v1/BeginMove.ts';
import type { BeginReshard as _millrace_v1_BeginReshard, BeginReshard__Output as _millrace_v1_BeginReshard__Output } from './millrace/v1/BeginReshard.ts';
import type { Broker as _millrace_v1_Broker, Broker__Output as _millrace_v1_Broker__Output } from './millrace/v1/Broker.ts';
import type { BrokerHeartbeat as _millrace_v1_BrokerHeartbeat, BrokerHeartbeat__Output as _millrace_v1_BrokerHeartbeat__Output } from './millrace/v1/BrokerHeartbeat.ts';
import type { CancelMove as _millrace_v1_CancelMove, CancelMove__Output as _millrace_v1_CancelMove__Output } from './millrace/v1/CancelMove.ts';
import type { ClusterIdentity as _millrace_v1_ClusterIdentity, ClusterIdentity__Output as _millrace_v1_ClusterIdentity__Output } from './millrace/v1/ClusterIdentity.ts';
import type { ClusterSettings as _millrace_v1_ClusterSettings, ClusterSettings__Output as _millrace_v1_ClusterSettings__Output } from './millrace/v1/ClusterSettings.ts';
import type { ClusterStatus as _millrace_v1_ClusterStatus, ClusterStatus__Output as _millrace_v1_ClusterStatus__Output } from './millrace/v1/ClusterStatus.ts';
import type { Command as _millrace_v1_Command, Command__Output as _millrace_v1_Command__Output } from './millrace/v1/Command.ts';
import type { CommandError as _millrace_v1_CommandError, CommandError__Output as _millrace_v1_CommandError__Output } from './millrace/v1/CommandError.ts';
import type { CommandResult as _millrace_v1_CommandResult, CommandResult__Output as _millrace_v1_CommandResult__Output } from './millrace/v1/CommandResult.ts';
import type { CompleteMove as _millrace_v1_CompleteMove, CompleteMove__Output as _millrace_v1_CompleteMove__Output } from './millrace/v1/CompleteMove.ts';
import type { CompleteReshard as _millrace_v1_CompleteReshard, CompleteReshard__Output as _millrace_v1_CompleteReshard__Output } from './millrace/v1/CompleteReshard.ts';
import type { Consumer as _millrace_v1_Consumer, Consumer__Output as _millrace_v1_Consumer__Output } from './millrace/v1/Consumer.ts';
import type { ConsumerTagChange as _millrace_v1_ConsumerTagChange, ConsumerTagChange__Output as _millrace_v1_ConsumerTagChange__Output } from './millrace/v1/ConsumerTagChange.ts';
import type { ControllerClient as _millrace_v1_ControllerClient, ControllerDefinition as _millrace_v1_ControllerDefinition } from './millrace/v1/Controller.ts';
import type { CreateStream as _millrace_v1_CreateStream, CreateStream__Output as _millrace_v1_CreateStream__Output } from './millrace/v1/CreateStream.ts';
import type { DeleteStream as _millrace_v1_DeleteStream, DeleteStream__Output as _millrace_v1_DeleteStream__Output } from './millrace/v1/DeleteStream.ts';
import type { Faults as _millrace_v1_Faults, Faults__Output as _millrace_v1_Faults__Output } from './millrace/v1/Faults.ts';
import type { GroupLoad as _millrace_v1_GroupLoad, GroupLoad__Output as _millrace_v1_GroupLoad__Output } from './millrace/v1/GroupLoad.ts';
import type { HeartbeatResult as _millrace_v1_HeartbeatResult, HeartbeatResult__Output as _millrace_v1_HeartbeatResult__Output } from './millrace/v1/HeartbeatResult.ts';
import type { InitializeCluster as _millrace_v1_InitializeCluster, InitializeCluster__Output as _millrace_v1_InitializeCluster__Output } from './millrace/v1/InitializeCluster.ts';
import type { Lease as _millrace_v1_Lease, Lease__Output as _millrace_v1_Lease__Output } from './millrace/v1/Lease.ts';
import type { LeaseChange as _millrace_v1_LeaseChange, LeaseChange__Output as _millrace_v1_LeaseChange__Output } from './millrace/v1/LeaseChange.ts';
import type { LeasesRequest as _millrace_v1_LeasesRequest, LeasesRequest__Output as _millrace_v1_LeasesRequest__Output } from './millrace/v1/LeasesRequest.ts';
import type { LeasesResult as _millrace_v1_LeasesResult, LeasesResult__Output as _millrace_v1_LeasesResult__Output } from './millrace/v1/LeasesResult.ts';
import type { LedGroup as _millrace_v1_LedGroup, LedGroup__Output as _millrace_v1_LedGroup__Output } from './millrace/v1/LedGroup.ts';
import type { MergeShards as _millrace_v1_MergeShards, MergeShards__Output as _millrace_v1_MergeShards__Output } from './millrace/v1/MergeShards.ts';
import type { MetadataUpdate as _millrace_v1_MetadataUpdate, MetadataUpdate__Output as _millrace_v1_MetadataUpdate__Output } from './millrace/v1/MetadataUpdate.ts';
import type { NodeStatus as _millrace_v1_NodeStatus, NodeStatus__Output as _millrace_v1_NodeStatus__Output } from './millrace/v1/NodeStatus.ts';
import type { PolicyChange as _millrace_v1_PolicyChange, PolicyChange__Output as _millrace_v1_PolicyChange__Output } from './millrace/v1/PolicyChange.ts';
import type { RecoverShard as _millrace_v1_RecoverShard, RecoverShard__Output as _millrace_v1_RecoverShard__Output } from './millrace/v1/RecoverShard.ts';
import type { RegisterBroker as _millrace_v1_RegisterBroker, RegisterBroker__Output as _millrace_v1_RegisterBroker__Output } from './millrace/v1/RegisterBroker.ts';
import type { RemoveBroker as _millrace_v1_RemoveBroker, RemoveBroker__Output as _millrace_v1_RemoveBroker__Output } from './millrace/v1/RemoveBroker.ts';
import type { RemoveGroup as _millrace_v1_RemoveGroup, RemoveGroup__Output as _millrace_v1_RemoveGroup__Output } from './millrace/v1/RemoveGroup.ts';
import type { RemoveStream as _millrace_v1_RemoveStream, RemoveStream__Output as _millrace_v1_RemoveStream__Output } from './millrace/v1/RemoveStream.ts';
import type { ReplicaDropped as _millrace_v1_ReplicaDropped, ReplicaDropped__Output as _millrace_v1_ReplicaDropped__Output } from './millrace/v1/ReplicaDropped.ts';
import type { RequestClose as _millrace_v1_RequestClose, RequestClose__Output as _millrace_v1_RequestClose__Output } from './millrace/v1/RequestClose.ts';
import type { Reshard as _millrace_v1_Reshard, Reshard__Output as _millrace_v1_Reshard__Output } from './millrace/v1/Reshard.ts';
import type { SetBrokerState as _millrace_v1_SetBrokerState, SetBrokerState__Output as _millrace_v1_SetBrokerState__Output } from './millrace/v1/SetBrokerState.ts';
import type { Shard as _millrace_v1_Shard, Shard__Output as _millrace_v1_Shard__Output } from './millrace/v1/Shard.ts';
import type { ShardLevelMetrics as _millrace_v1_ShardLevelMetrics, ShardLevelMetrics__Output as _millrace_v1_ShardLevelMetrics__Output } from './millrace/v1/ShardLevelMetrics.ts';
import type { SplitShard as _millrace_v1_SplitShard, SplitShard__Output as _millrace_v1_SplitShard__Output } from './millrace/v1/SplitShard.ts';
import type { StatusRequest as _millrace_v1_StatusRequest, StatusRequest__Output as _millrace_v1_StatusRequest__Output } from './millrace/v1/StatusRequest.ts';
import type { Stream as _millrace_v1_Stream, Stream__Output as _millrace_v1_Stream__Output } from './millrace/v1/Stream.ts';
import type { StreamFaults as _millrace_v1_StreamFaults, StreamFaults__Output as _millrace_v1_StreamFaults__Output } from './millrace/v1/StreamFaults.ts';
import type { StreamKey as _millrace_v1_StreamKey, StreamKey__Output as _millrace_v1_StreamKey__Output } from './millrace/v1/StreamKey.ts';
import type { TagChange as _millrace_v1_TagChange, TagChange__Output as _millrace_v1_TagChange__Output } from './millrace/v1/TagChange.ts';
import type { UpdateLeases as _millrace_v1_UpdateLeases, UpdateLeases__Output as _millrace_v1_UpdateLeases__Output } from './millrace/v1/UpdateLeases.ts';
import type { UpdateStream as _millrace_v1_UpdateStream, UpdateStream__Output as _millrace_v1_UpdateStream__Output } from './millrace/v1/UpdateStream.ts';
import type { WatchRequest as _millrace_v1_WatchRequest, WatchRequest__Output as _millrace_v1_WatchRequest__Output } from './millrace/v1/WatchRequest.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  millrace: {
    v1: {
      ActivateStream: MessageTypeDefinition<_millrace_v1_ActivateStream, _millrace_v1_ActivateStream__Output>
      BackupRequest: MessageTypeDefinition<_millrace_v1_BackupRequest, _millrace_v1_BackupRequest__Output>
      BackupResult: MessageTypeDefinition<_millrace_v1_BackupResult, _millrace_v1_BackupResult__Output>
      BeginMove: MessageTypeDefinition<_millrace_v1_BeginMove, _millrace_v1_BeginMove__Output>
      BeginReshard: MessageTypeDefinition<_millrace_v1_BeginReshard, _millrace_v1_BeginReshard__Output>
      Broker: MessageTypeDefinition<_millrace_v1_Broker, _millrace_v1_Broker__Output>
      BrokerHeartbeat: MessageTypeDefinition<_millrace_v1_BrokerHeartbeat, _millrace_v1_BrokerHeartbeat__Output>
      BrokerState: EnumTypeDefinition
      CancelMove: MessageTypeDefinition<_millrace_v1_CancelMove, _millrace_v1_CancelMove__Output>
      ClusterIdentity: MessageTypeDefinition<_millrace_v1_ClusterIdentity, _millrace_v1_ClusterIdentity__Output>
      ClusterSettings: MessageTypeDefinition<_millrace_v1_ClusterSettings, _millrace_v1_ClusterSettings__Output>
      ClusterStatus: MessageTypeDefinition<_millrace_v1_ClusterStatus, _millrace_v1_ClusterStatus__Output>
      Command: MessageTypeDefinition<_millrace_v1_Command, _millrace_v1_Command__Output>
      CommandError: MessageTypeDefinition<_millrace_v1_CommandError, _millrace_v1_CommandError__Output>
      CommandResult: MessageTypeDefinition<_millrace_v1_CommandResult, _millrace_v1_CommandResult__Output>
      CompleteMove: MessageTypeDefinition<_millrace_v1_CompleteMove, _millrace_v1_CompleteMove__Output>
      CompleteReshard: MessageTypeDefinition<_millrace_v1_CompleteReshard, _millrace_v1_CompleteReshard__Output>
      Consumer: MessageTypeDefinition<_millrace_v1_Consumer, _millrace_v1_Consumer__Output>
      ConsumerTagChange: MessageTypeDefinition<_millrace_v1_ConsumerTagChange, _millrace_v1_ConsumerTagChange__Output>
      Controller: SubtypeConstructor<typeof grpc.Client, _millrace_v1_ControllerClient> & { service: _millrace_v1_ControllerDefinition }
      CreateStream: MessageTypeDefinition<_millrace_v1_CreateStream, _millrace_v1_CreateStream__Output>
      DeleteStream: MessageTypeDefinition<_millrace_v1_DeleteStream, _millrace_v1_DeleteStream__Output>
      Faults: MessageTypeDefinition<_millrace_v1_Faults, _millrace_v1_Faults__Output>
      GroupLoad: MessageTypeDefinition<_millrace_v1_GroupLoad, _millrace_v1_GroupLoad__Output>
      HeartbeatResult: MessageTypeDefinition<_millrace_v1_HeartbeatResult, _millrace_v1_HeartbeatResult__Output>
      InitializeCluster: MessageTypeDefinition<_millrace_v1_InitializeCluster, _millrace_v1_InitializeCluster__Output>
      Lease: MessageTypeDefinition<_millrace_v1_Lease, _millrace_v1_Lease__Output>
      LeaseChange: MessageTypeDefinition<_millrace_v1_LeaseChange, _millrace_v1_LeaseChange__Output>
      LeasesRequest: MessageTypeDefinition<_millrace_v1_LeasesRequest, _millrace_v1_LeasesRequest__Output>
      LeasesResult: MessageTypeDefinition<_millrace_v1_LeasesResult, _millrace_v1_LeasesResult__Output>
      LedGroup: MessageTypeDefinition<_millrace_v1_LedGroup, _millrace_v1_LedGroup__Output>
      MergeShards: MessageTypeDefinition<_millrace_v1_MergeShards, _millrace_v1_MergeShards__Output>
      MetadataUpdate: MessageTypeDefinition<_millrace_v1_MetadataUpdate, _millrace_v1_MetadataUpdate__Output>
      NodeStatus: MessageTypeDefinition<_millrace_v1_NodeStatus, _millrace_v1_NodeStatus__Output>
      PolicyChange: MessageTypeDefinition<_millrace_v1_PolicyChange, _millrace_v1_PolicyChange__Output>
      RecoverShard: MessageTypeDefinition<_millrace_v1_RecoverShard, _millrace_v1_RecoverShard__Output>
      RegisterBroker: MessageTypeDefinition<_millrace_v1_RegisterBroker, _millrace_v1_RegisterBroker__Output>
      RemoveBroker: MessageTypeDefinition<_millrace_v1_RemoveBroker, _millrace_v1_RemoveBroker__Output>
      RemoveGroup: MessageTypeDefinition<_millrace_v1_RemoveGroup, _millrace_v1_RemoveGroup__Output>
      RemoveStream: MessageTypeDefinition<_millrace_v1_RemoveStream, _millrace_v1_RemoveStream__Output>
      ReplicaDropped: MessageTypeDefinition<_millrace_v1_ReplicaDropped, _millrace_v1_ReplicaDropped__Output>
      RequestClose: MessageTypeDefinition<_millrace_v1_RequestClose, _millrace_v1_RequestClose__Output>
      Reshard: MessageTypeDefinition<_millrace_v1_Reshard, _millrace_v1_Reshard__Output>
      SetBrokerState: MessageTypeDefinition<_millrace_v1_SetBrokerState, _millrace_v1_SetBrokerState__Output>
      Shard: MessageTypeDefinition<_millrace_v1_Shard, _millrace_v1_Shard__Output>
      ShardLevelMetrics: MessageTypeDefinition<_millrace_v1_ShardLevelMetrics, _millrace_v1_ShardLevelMetrics__Output>
      SplitShard: MessageTypeDefinition<_millrace_v1_SplitShard, _millrace_v1_SplitShard__Output>
      StatusRequest: MessageTypeDefinition<_millrace_v1_StatusRequest, _millrace_v1_StatusRequest__Output>
      Stream: MessageTypeDefinition<_millrace_v1_Stream, _millrace_v1_Stream__Output>
      StreamFaults: MessageTypeDefinition<_millrace_v1_StreamFaults, _millrace_v1_StreamFaults__Output>
      StreamKey: MessageTypeDefinition<_millrace_v1_StreamKey, _millrace_v1_StreamKey__Output>
      StreamMode: EnumTypeDefinition
      StreamStatus: EnumTypeDefinition
      TagChange: MessageTypeDefinition<_millrace_v1_TagChange, _millrace_v1_TagChange__Output>
      UpdateLeases: MessageTypeDefinition<_millrace_v1_UpdateLeases, _millrace_v1_UpdateLeases__Output>
      UpdateStream: MessageTypeDefinition<_millrace_v1_UpdateStream, _millrace_v1_UpdateStream__Output>
      WatchRequest: MessageTypeDefinition<_millrace_v1_WatchRequest, _millrace_v1_WatchRequest__Output>
    }
  }
}

