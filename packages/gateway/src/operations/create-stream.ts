import { executeCommand } from "../control.ts";
import { awsError } from "../errors.ts";
import { checkOnDemand } from "../stream-updates.ts";
import { checkTagKeys, checkTags } from "../tags.ts";
import { defineOperation } from "./operation.ts";

export const createStream = defineOperation("CreateStream", async (input, services, request) => {
  const { StreamName, ShardCount, StreamModeDetails, Tags, MaxRecordSizeInKiB } = input;
  const { WarmThroughputMiBps: warmThroughputMibps = 0, RecordDistributionStrategy: recordDistribution = "" } = input;
  const mode = StreamModeDetails?.StreamMode ?? (ShardCount === undefined ? "ON_DEMAND" : "PROVISIONED");
  if (mode === "PROVISIONED" && ShardCount === undefined) {
    throw awsError("INVALID_ARGUMENT", { text: "ShardCount must be specified for a stream in PROVISIONED mode." });
  }
  if (mode === "ON_DEMAND" && ShardCount !== undefined) {
    throw awsError("INVALID_ARGUMENT", { text: "ShardCount must not be specified for a stream in ON_DEMAND mode." });
  }
  if (warmThroughputMibps > 0) checkOnDemand(mode, "Warm throughput");
  if (recordDistribution === "AUTO") checkOnDemand(mode, "A record distribution strategy");
  checkTags([...(Tags?.keys() ?? []), ...(Tags?.values() ?? [])]);
  checkTagKeys(Tags?.keys() ?? []);
  const { accountId, region } = request;
  await executeCommand(
    services,
    request,
    {
      createStream: {
        key: { accountId, region, name: StreamName },
        shardCount: ShardCount ?? 0,
        mode,
        tags: Object.fromEntries(Tags ?? []),
        maxRecordSizeKib: MaxRecordSizeInKiB ?? 0,
        warmThroughputMibps,
        recordDistribution,
      },
    },
    { stream: StreamName },
  );
  return undefined;
});
