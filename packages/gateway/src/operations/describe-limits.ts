import { defineOperation } from "./operation.ts";

/** As the controllers enforce them (packages/controller, create-stream.ts). */
const SHARD_LIMIT = 500;
const ON_DEMAND_STREAM_LIMIT = 50;
/** Where quotas are off: nothing is enforced, and tools that plan ahead must not stop. */
const NO_LIMIT = 1_000_000;

export const describeLimits = defineOperation("DescribeLimits", (_input, { metadata, hasQuotas }, request) => {
  const streams = metadata.streamsOf(request.accountId, request.region);
  const provisioned = streams.filter(({ stream }) => stream.mode === "PROVISIONED");
  return {
    ShardLimit: hasQuotas ? SHARD_LIMIT : NO_LIMIT,
    OpenShardCount: provisioned.reduce((count, { openShards }) => count + openShards.length, 0),
    OnDemandStreamCount: streams.length - provisioned.length,
    OnDemandStreamCountLimit: hasQuotas ? ON_DEMAND_STREAM_LIMIT : NO_LIMIT,
  };
});
