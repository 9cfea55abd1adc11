import type { StreamView } from "@millrace/client";
import { accountUsage, ON_DEMAND_STREAMS_MAX, SHARDS_PER_REGION_MAX } from "../account-usage.ts";
import { awsError } from "../errors.ts";
import { activeStream, changeStream, checkOnDemand } from "../stream-updates.ts";
import { defineOperation, type Services } from "./operation.ts";

export const updateStreamMode = defineOperation("UpdateStreamMode", async (input, services, request) => {
  const view = activeStream(services, input, request);
  const mode = input.StreamModeDetails.StreamMode;
  const { WarmThroughputMiBps: modeWarmThroughputMibps = 0 } = input;
  if (modeWarmThroughputMibps > 0) checkOnDemand(mode, "Warm throughput");
  if (mode !== view.stream.mode && services.hasQuotas) checkRoom(services, view, mode);
  await changeStream(services, request, view, { mode, modeWarmThroughputMibps });
  return undefined;
});

/**
 * By what is known here, and not by the controllers: a decision that was taken cannot be refused by a later version of them, when
 * the log is read again. Calls at the same instant may together pass.
 * @throws AwsError SHARD_LIMIT, LIMIT_EXCEEDED
 */
function checkRoom({ metadata }: Services, { key, openShards }: StreamView, mode: "PROVISIONED" | "ON_DEMAND"): void {
  const { accountId, region } = key;
  const { shardCount, onDemandStreamCount } = accountUsage(metadata, accountId, region);
  if (mode === "ON_DEMAND") {
    if (onDemandStreamCount < ON_DEMAND_STREAMS_MAX) return;
    throw awsError("LIMIT_EXCEEDED", { text: `${ON_DEMAND_STREAMS_MAX} on-demand streams exist` });
  }
  const additionalCount = openShards.length;
  if (shardCount + additionalCount <= SHARDS_PER_REGION_MAX) return;
  throw awsError("SHARD_LIMIT", { accountId, region, shardCount, limit: SHARDS_PER_REGION_MAX, additionalCount });
}
