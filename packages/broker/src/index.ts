export { BrokerNode, type BrokerNodeOptions } from "./node.ts";
export { type BrokerOptions, type RunningBroker, startBroker } from "./server.ts";
export { shardEntryAttributes } from "./shard/entries.ts";
export { ShardLog, type ShardLogOptions } from "./shard/shard-log.ts";
