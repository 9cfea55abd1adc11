export type {
  BackupResult,
  BrokerHeartbeat__Output,
  ClusterStatus,
  Command,
  Command__Output,
  CommandResult__Output,
  HeartbeatResult,
  LeasesRequest__Output,
  LeasesResult,
  MetadataUpdate,
  NodeStatus,
  WatchRequest as WatchRequest__Output,
} from "@millrace/proto";
