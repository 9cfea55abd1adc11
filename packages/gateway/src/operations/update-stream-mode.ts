import { activeStream, changeStream, checkOnDemand } from "../stream-updates.ts";
import { defineOperation } from "./operation.ts";

export const updateStreamMode = defineOperation("UpdateStreamMode", async (input, services, request) => {
  const view = activeStream(services, input, request);
  const mode = input.StreamModeDetails.StreamMode;
  const { WarmThroughputMiBps: modeWarmThroughputMibps = 0 } = input;
  if (modeWarmThroughputMibps > 0) checkOnDemand(mode, "Warm throughput");
  await changeStream(services, request, view, { mode, modeWarmThroughputMibps });
  return undefined;
});
