export { eventually, freePort, LocalCluster, type ClusterStatus, type NodeInfo } from "./harness/cluster.ts";
export { Ledger, readShard, shardIds, type StoredRecord } from "./harness/ledger.ts";
export { createStream } from "./harness/streams.ts";
export { type ChaosOptions, type ChaosReport, runChaos } from "./chaos/run.ts";
