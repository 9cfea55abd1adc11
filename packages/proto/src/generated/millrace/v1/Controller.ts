// Original file: proto/millrace/v1/controller.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { BackupRequest as _millrace_v1_BackupRequest, BackupRequest__Output as _millrace_v1_BackupRequest__Output } from '../../millrace/v1/BackupRequest.ts';
import type { BackupResult as _millrace_v1_BackupResult, BackupResult__Output as _millrace_v1_BackupResult__Output } from '../../millrace/v1/BackupResult.ts';
import type { BrokerHeartbeat as _millrace_v1_BrokerHeartbeat, BrokerHeartbeat__Output as _millrace_v1_BrokerHeartbeat__Output } from '../../millrace/v1/BrokerHeartbeat.ts';
import type { ClusterStatus as _millrace_v1_ClusterStatus, ClusterStatus__Output as _millrace_v1_ClusterStatus__Output } from '../../millrace/v1/ClusterStatus.ts';
import type { Command as _millrace_v1_Command, Command__Output as _millrace_v1_Command__Output } from '../../millrace/v1/Command.ts';
import type { CommandResult as _millrace_v1_CommandResult, CommandResult__Output as _millrace_v1_CommandResult__Output } from '../../millrace/v1/CommandResult.ts';
import type { HeartbeatResult as _millrace_v1_HeartbeatResult, HeartbeatResult__Output as _millrace_v1_HeartbeatResult__Output } from '../../millrace/v1/HeartbeatResult.ts';
import type { LeasesRequest as _millrace_v1_LeasesRequest, LeasesRequest__Output as _millrace_v1_LeasesRequest__Output } from '../../millrace/v1/LeasesRequest.ts';
import type { LeasesResult as _millrace_v1_LeasesResult, LeasesResult__Output as _millrace_v1_LeasesResult__Output } from '../../millrace/v1/LeasesResult.ts';
import type { MetadataUpdate as _millrace_v1_MetadataUpdate, MetadataUpdate__Output as _millrace_v1_MetadataUpdate__Output } from '../../millrace/v1/MetadataUpdate.ts';
import type { StatusRequest as _millrace_v1_StatusRequest, StatusRequest__Output as _millrace_v1_StatusRequest__Output } from '../../millrace/v1/StatusRequest.ts';
import type { WatchRequest as _millrace_v1_WatchRequest, WatchRequest__Output as _millrace_v1_WatchRequest__Output } from '../../millrace/v1/WatchRequest.ts';

export interface ControllerClient extends grpc.Client {
  Backup(argument: _millrace_v1_BackupRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_BackupResult__Output>): grpc.ClientUnaryCall;
  Backup(argument: _millrace_v1_BackupRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_BackupResult__Output>): grpc.ClientUnaryCall;
  Backup(argument: _millrace_v1_BackupRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_BackupResult__Output>): grpc.ClientUnaryCall;
  Backup(argument: _millrace_v1_BackupRequest, callback: grpc.requestCallback<_millrace_v1_BackupResult__Output>): grpc.ClientUnaryCall;
  backup(argument: _millrace_v1_BackupRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_BackupResult__Output>): grpc.ClientUnaryCall;
  backup(argument: _millrace_v1_BackupRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_BackupResult__Output>): grpc.ClientUnaryCall;
  backup(argument: _millrace_v1_BackupRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_BackupResult__Output>): grpc.ClientUnaryCall;
  backup(argument: _millrace_v1_BackupRequest, callback: grpc.requestCallback<_millrace_v1_BackupResult__Output>): grpc.ClientUnaryCall;
  
  Execute(argument: _millrace_v1_Command, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_CommandResult__Output>): grpc.ClientUnaryCall;
  Execute(argument: _millrace_v1_Command, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_CommandResult__Output>): grpc.ClientUnaryCall;
  Execute(argument: _millrace_v1_Command, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_CommandResult__Output>): grpc.ClientUnaryCall;
  Execute(argument: _millrace_v1_Command, callback: grpc.requestCallback<_millrace_v1_CommandResult__Output>): grpc.ClientUnaryCall;
  execute(argument: _millrace_v1_Command, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_CommandResult__Output>): grpc.ClientUnaryCall;
  execute(argument: _millrace_v1_Command, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_CommandResult__Output>): grpc.ClientUnaryCall;
  execute(argument: _millrace_v1_Command, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_CommandResult__Output>): grpc.ClientUnaryCall;
  execute(argument: _millrace_v1_Command, callback: grpc.requestCallback<_millrace_v1_CommandResult__Output>): grpc.ClientUnaryCall;
  
  Heartbeat(argument: _millrace_v1_BrokerHeartbeat, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_HeartbeatResult__Output>): grpc.ClientUnaryCall;
  Heartbeat(argument: _millrace_v1_BrokerHeartbeat, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_HeartbeatResult__Output>): grpc.ClientUnaryCall;
  Heartbeat(argument: _millrace_v1_BrokerHeartbeat, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_HeartbeatResult__Output>): grpc.ClientUnaryCall;
  Heartbeat(argument: _millrace_v1_BrokerHeartbeat, callback: grpc.requestCallback<_millrace_v1_HeartbeatResult__Output>): grpc.ClientUnaryCall;
  heartbeat(argument: _millrace_v1_BrokerHeartbeat, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_HeartbeatResult__Output>): grpc.ClientUnaryCall;
  heartbeat(argument: _millrace_v1_BrokerHeartbeat, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_HeartbeatResult__Output>): grpc.ClientUnaryCall;
  heartbeat(argument: _millrace_v1_BrokerHeartbeat, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_HeartbeatResult__Output>): grpc.ClientUnaryCall;
  heartbeat(argument: _millrace_v1_BrokerHeartbeat, callback: grpc.requestCallback<_millrace_v1_HeartbeatResult__Output>): grpc.ClientUnaryCall;
  
  Leases(argument: _millrace_v1_LeasesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_LeasesResult__Output>): grpc.ClientUnaryCall;
  Leases(argument: _millrace_v1_LeasesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_LeasesResult__Output>): grpc.ClientUnaryCall;
  Leases(argument: _millrace_v1_LeasesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_LeasesResult__Output>): grpc.ClientUnaryCall;
  Leases(argument: _millrace_v1_LeasesRequest, callback: grpc.requestCallback<_millrace_v1_LeasesResult__Output>): grpc.ClientUnaryCall;
  leases(argument: _millrace_v1_LeasesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_LeasesResult__Output>): grpc.ClientUnaryCall;
  leases(argument: _millrace_v1_LeasesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_LeasesResult__Output>): grpc.ClientUnaryCall;
  leases(argument: _millrace_v1_LeasesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_LeasesResult__Output>): grpc.ClientUnaryCall;
  leases(argument: _millrace_v1_LeasesRequest, callback: grpc.requestCallback<_millrace_v1_LeasesResult__Output>): grpc.ClientUnaryCall;
  
  Status(argument: _millrace_v1_StatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_ClusterStatus__Output>): grpc.ClientUnaryCall;
  Status(argument: _millrace_v1_StatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_ClusterStatus__Output>): grpc.ClientUnaryCall;
  Status(argument: _millrace_v1_StatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_ClusterStatus__Output>): grpc.ClientUnaryCall;
  Status(argument: _millrace_v1_StatusRequest, callback: grpc.requestCallback<_millrace_v1_ClusterStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _millrace_v1_StatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_ClusterStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _millrace_v1_StatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_millrace_v1_ClusterStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _millrace_v1_StatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_millrace_v1_ClusterStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _millrace_v1_StatusRequest, callback: grpc.requestCallback<_millrace_v1_ClusterStatus__Output>): grpc.ClientUnaryCall;
  
  Watch(argument: _millrace_v1_WatchRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_millrace_v1_MetadataUpdate__Output>;
  Watch(argument: _millrace_v1_WatchRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_millrace_v1_MetadataUpdate__Output>;
  watch(argument: _millrace_v1_WatchRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_millrace_v1_MetadataUpdate__Output>;
  watch(argument: _millrace_v1_WatchRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_millrace_v1_MetadataUpdate__Output>;
  
}

export interface ControllerHandlers extends grpc.UntypedServiceImplementation {
  Backup: grpc.handleUnaryCall<_millrace_v1_BackupRequest__Output, _millrace_v1_BackupResult>;
  
  Execute: grpc.handleUnaryCall<_millrace_v1_Command__Output, _millrace_v1_CommandResult>;
  
  Heartbeat: grpc.handleUnaryCall<_millrace_v1_BrokerHeartbeat__Output, _millrace_v1_HeartbeatResult>;
  
  Leases: grpc.handleUnaryCall<_millrace_v1_LeasesRequest__Output, _millrace_v1_LeasesResult>;
  
  Status: grpc.handleUnaryCall<_millrace_v1_StatusRequest__Output, _millrace_v1_ClusterStatus>;
  
  Watch: grpc.handleServerStreamingCall<_millrace_v1_WatchRequest__Output, _millrace_v1_MetadataUpdate>;
  
}

export interface ControllerDefinition extends grpc.ServiceDefinition {
  Backup: MethodDefinition<_millrace_v1_BackupRequest, _millrace_v1_BackupResult, _millrace_v1_BackupRequest__Output, _millrace_v1_BackupResult__Output>
  Execute: MethodDefinition<_millrace_v1_Command, _millrace_v1_CommandResult, _millrace_v1_Command__Output, _millrace_v1_CommandResult__Output>
  Heartbeat: MethodDefinition<_millrace_v1_BrokerHeartbeat, _millrace_v1_HeartbeatResult, _millrace_v1_BrokerHeartbeat__Output, _millrace_v1_HeartbeatResult__Output>
  Leases: MethodDefinition<_millrace_v1_LeasesRequest, _millrace_v1_LeasesResult, _millrace_v1_LeasesRequest__Output, _millrace_v1_LeasesResult__Output>
  Status: MethodDefinition<_millrace_v1_StatusRequest, _millrace_v1_ClusterStatus, _millrace_v1_StatusRequest__Output, _millrace_v1_ClusterStatus__Output>
  Watch: MethodDefinition<_millrace_v1_WatchRequest, _millrace_v1_MetadataUpdate, _millrace_v1_WatchRequest__Output, _millrace_v1_MetadataUpdate__Output>
}
