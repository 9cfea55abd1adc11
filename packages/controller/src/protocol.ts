export type {
  BrokerHeartbeat__Output,
  ClusterStatus,
  Command,
  Command__Output,
  CommandResult__Output,
  HeartbeatResult,
  MetadataUpdate,
  NodeStatus,
  WatchRequest as WatchRequest__Output,
} from "@millrace/proto";
