export { BatchBuilder } from "./batch-builder.ts";
export { connectControllers, type ControllerConnectionOptions, LEADER_TRAILER } from "./controller-connection.ts";
export * from "./errors.ts";
export { ClusterMetadata, type MetadataChange, streamKeyText } from "./metadata.ts";
export { MetadataWatcher } from "./metadata-watcher.ts";
export { type ClosableShardRouter, createShardRouter, type ShardRouterOptions } from "./router.ts";
export { type ShardView, StreamView } from "./stream-view.ts";
export type * from "./types.ts";
