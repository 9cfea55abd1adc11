import { awsError } from "../errors.ts";
import { resourceOf } from "../resources.ts";
import { changeStream } from "../stream-updates.ts";
import { defineOperation } from "./operation.ts";

export const untagResource = defineOperation("UntagResource", async (input, services, request) => {
  const { view, consumer } = resourceOf(services.metadata, input.ResourceARN);
  if (consumer !== undefined) throw awsError("INVALID_ARGUMENT", { text: "Tags of consumers are not supported." });
  await changeStream(services, request, view, { tags: { remove: [...input.TagKeys] } });
  return undefined;
});
