export { decodeFrame, encodeFrame, frameWithRoom, type RawFrame, recycleFrame } from "./frame.ts";
export type { Acquaintance, Acquaintance__Output } from "./generated/millrace/v1/Acquaintance.ts";
export type { BackupResult__Output as BackupResult } from "./generated/millrace/v1/BackupResult.ts";
export type { Broker__Output as Broker } from "./generated/millrace/v1/Broker.ts";
export type { BrokerHeartbeat, BrokerHeartbeat__Output } from "./generated/millrace/v1/BrokerHeartbeat.ts";
export type { BrokerState__Output as BrokerState } from "./generated/millrace/v1/BrokerState.ts";
export type { ClusterIdentity__Output as ClusterIdentity } from "./generated/millrace/v1/ClusterIdentity.ts";
export type { ClusterSettings__Output as ClusterSettings } from "./generated/millrace/v1/ClusterSettings.ts";
export type { ClusterStatus__Output as ClusterStatus } from "./generated/millrace/v1/ClusterStatus.ts";
export type { Command, Command__Output } from "./generated/millrace/v1/Command.ts";
export type { CommandError__Output as CommandError } from "./generated/millrace/v1/CommandError.ts";
export type { CommandResult, CommandResult__Output } from "./generated/millrace/v1/CommandResult.ts";
export type { Consumer__Output as Consumer } from "./generated/millrace/v1/Consumer.ts";
export type { ControllerClient, ControllerHandlers } from "./generated/millrace/v1/Controller.ts";
export type { Faults__Output as Faults } from "./generated/millrace/v1/Faults.ts";
export type { HeartbeatResult__Output as HeartbeatResult } from "./generated/millrace/v1/HeartbeatResult.ts";
export type { Introduction, Introduction__Output } from "./generated/millrace/v1/Introduction.ts";
export type { MetadataUpdate, MetadataUpdate__Output } from "./generated/millrace/v1/MetadataUpdate.ts";
export type { Lease__Output as Lease } from "./generated/millrace/v1/Lease.ts";
export type { LeaseChange, LeaseChange__Output } from "./generated/millrace/v1/LeaseChange.ts";
export type { LeasesRequest, LeasesRequest__Output } from "./generated/millrace/v1/LeasesRequest.ts";
export type { LeasesResult__Output as LeasesResult } from "./generated/millrace/v1/LeasesResult.ts";
export type { NodeStatus__Output as NodeStatus } from "./generated/millrace/v1/NodeStatus.ts";
export type { PeerClient, PeerHandlers } from "./generated/millrace/v1/Peer.ts";
export type { Reshard__Output as Reshard } from "./generated/millrace/v1/Reshard.ts";
export type { Shard__Output as Shard } from "./generated/millrace/v1/Shard.ts";
export type { ShardLogClient, ShardLogHandlers } from "./generated/millrace/v1/ShardLog.ts";
export type { Stream__Output as Stream } from "./generated/millrace/v1/Stream.ts";
export type { StreamKey__Output as StreamKey } from "./generated/millrace/v1/StreamKey.ts";
export type { StreamMode__Output as StreamMode } from "./generated/millrace/v1/StreamMode.ts";
export type { StreamStatus__Output as StreamStatus } from "./generated/millrace/v1/StreamStatus.ts";
export type { SubscribeRequest__Output as SubscribeRequest } from "./generated/millrace/v1/SubscribeRequest.ts";
export type { TagChange } from "./generated/millrace/v1/TagChange.ts";
export type { WatchRequest__Output as WatchRequest } from "./generated/millrace/v1/WatchRequest.ts";
export {
  callerName,
  type IncomingCall,
  isFromNode,
  MutualTls,
  type NodeCertificates,
  type NodeCredentials,
  PLAIN_TEXT,
} from "./node-credentials.ts";
export { HASH_KEY_MAX, parseHashKey, uniformHashKeyRanges, type HashKeyRange } from "./records/hash-key.ts";
export { md5Words } from "./records/md5.ts";
export * from "./records/record-batch.ts";
export {
  formatSequenceNumber,
  formatSequenceNumbers,
  formatShardId,
  parseSequenceNumber,
  parseShardId,
  SEQUENCE_INDEX_MAX,
  type SequenceNumber,
} from "./records/sequence-number.ts";
export { Controller, Peer, ShardLog } from "./services.ts";
export { BinaryReader, BinaryWriter, readerOf } from "./shard-log/binary.ts";
export {
  decodeItems,
  encodeItemFrame,
  encodeItems,
  itemSizeBytes,
  type FrameItem,
  type OutgoingItem,
} from "./shard-log/item-frames.ts";
export * from "./shard-log/messages.ts";
