import { accountUsage, ON_DEMAND_STREAMS_MAX, SHARDS_PER_REGION_MAX } from "../account-usage.ts";
import { defineOperation } from "./operation.ts";

/** Where quotas are off: nothing is enforced, and tools that plan ahead must not stop. */
const NO_LIMIT = 1_000_000;

export const describeLimits = defineOperation("DescribeLimits", (_input, { metadata, hasQuotas }, request) => {
  const { shardCount, onDemandStreamCount } = accountUsage(metadata, request.accountId, request.region);
  return {
    ShardLimit: hasQuotas ? SHARDS_PER_REGION_MAX : NO_LIMIT,
    OpenShardCount: shardCount,
    OnDemandStreamCount: onDemandStreamCount,
    OnDemandStreamCountLimit: hasQuotas ? ON_DEMAND_STREAMS_MAX : NO_LIMIT,
  };
});
