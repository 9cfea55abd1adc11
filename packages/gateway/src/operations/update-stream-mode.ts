import { activeStream, changeStream } from "../stream-updates.ts";
import { defineOperation } from "./operation.ts";

export const updateStreamMode = defineOperation("UpdateStreamMode", async (input, services, request) => {
  const view = activeStream(services, input, request);
  await changeStream(services, request, view, { mode: input.StreamModeDetails.StreamMode });
  return undefined;
});
