import { resourceOf } from "../resources.ts";
import { changeStream } from "../stream-updates.ts";
import { checkTags, tagChange } from "../tags.ts";
import { defineOperation } from "./operation.ts";

export const untagResource = defineOperation("UntagResource", async (input, services, request) => {
  const { view, consumer } = resourceOf(services.metadata, input.ResourceARN, request);
  checkTags(input.TagKeys);
  await changeStream(services, request, view, { tags: tagChange(consumer, { remove: [...input.TagKeys] }) });
  return undefined;
});
