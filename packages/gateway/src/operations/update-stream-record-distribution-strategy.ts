import { activeStream, changeStream, checkOnDemand } from "../stream-updates.ts";
import { defineOperation } from "./operation.ts";

export const updateStreamRecordDistributionStrategy = defineOperation(
  "UpdateStreamRecordDistributionStrategy",
  async (input, services, request) => {
    const view = activeStream(services, input, request);
    checkOnDemand(view.stream.mode, "A record distribution strategy");
    await changeStream(services, request, view, { recordDistribution: input.RecordDistributionStrategy });
    return undefined;
  },
);
