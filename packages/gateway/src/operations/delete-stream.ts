import { executeCommand } from "../control.ts";
import { streamNameOf } from "../streams.ts";
import { defineOperation } from "./operation.ts";

export const deleteStream = defineOperation("DeleteStream", async (input, services, request) => {
  const key = streamNameOf(input, request);
  const enforceConsumerDeletion = input.EnforceConsumerDeletion ?? false;
  await executeCommand(services, request, { deleteStream: { key, enforceConsumerDeletion } }, { stream: key.name });
  return undefined;
});
