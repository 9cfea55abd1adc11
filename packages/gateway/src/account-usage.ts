/** What an account has in a region, against Kinesis's quotas of it. The controllers enforce the same where something is created. */
import type { ClusterMetadata } from "@millrace/client";

/** As in packages/controller, limits.ts. */
export const SHARDS_PER_REGION_MAX = 500;
export const ON_DEMAND_STREAMS_MAX = 50;

export interface AccountUsage {
  /** Open shards of provisioned streams. */
  readonly shardCount: number;
  readonly onDemandStreamCount: number;
}

export function accountUsage(metadata: ClusterMetadata, accountId: string, region: string): AccountUsage {
  const streams = metadata.streamsOf(accountId, region);
  const provisioned = streams.filter(({ stream }) => stream.mode === "PROVISIONED");
  return {
    shardCount: provisioned.reduce((count, { openShards }) => count + openShards.length, 0),
    onDemandStreamCount: streams.length - provisioned.length,
  };
}
