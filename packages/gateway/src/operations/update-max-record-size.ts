import { activeStream, changeStream } from "../stream-updates.ts";
import { defineOperation } from "./operation.ts";

export const updateMaxRecordSize = defineOperation("UpdateMaxRecordSize", async (input, services, request) => {
  const view = activeStream(services, input, request);
  await changeStream(services, request, view, { maxRecordSizeKib: input.MaxRecordSizeInKiB });
  return undefined;
});
