import { awsError } from "../errors.ts";
import { activeStream, changeStream } from "../stream-updates.ts";
import { defineOperation } from "./operation.ts";

export const updateStreamRecordDistributionStrategy = defineOperation(
  "UpdateStreamRecordDistributionStrategy",
  async (input, services, request) => {
    const view = activeStream(services, input, request);
    if (view.stream.mode !== "ON_DEMAND") {
      throw awsError("INVALID_ARGUMENT", { text: "A record distribution strategy needs a stream in ON_DEMAND mode." });
    }
    await changeStream(services, request, view, { recordDistribution: input.RecordDistributionStrategy });
    return undefined;
  },
);
