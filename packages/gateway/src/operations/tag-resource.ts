import { resourceOf } from "../resources.ts";
import { changeStream } from "../stream-updates.ts";
import { checkTagKeys, checkTags, tagChange } from "../tags.ts";
import { defineOperation } from "./operation.ts";

export const tagResource = defineOperation("TagResource", async (input, services, request) => {
  const { view, consumer } = resourceOf(services.metadata, input.ResourceARN, request);
  checkTags([...input.Tags.keys(), ...input.Tags.values()]);
  checkTagKeys(input.Tags.keys());
  await changeStream(services, request, view, { tags: tagChange(consumer, { set: Object.fromEntries(input.Tags) }) });
  return undefined;
});
