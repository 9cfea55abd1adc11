export { type Identity, loadIdentity, loadMetadata } from "./identity.ts";
export { launchBroker, type LaunchedBroker, type LaunchOptions } from "./launch.ts";
export { BrokerNode, type BrokerNodeOptions } from "./node.ts";
export type { BrokerTuning } from "./tuning.ts";
export { openBrokerStore, type OpenStoreOptions } from "./open-store.ts";
export { type BrokerOptions, type RunningBroker, startBroker } from "./server.ts";
export { type ServiceObserver, type ServiceOptions, shardLogHandlers } from "./service/shard-log-service.ts";
export { shardEntryAttributes } from "./shard/entries.ts";
export { ShardLog, type ShardLogOptions } from "./shard/shard-log.ts";
