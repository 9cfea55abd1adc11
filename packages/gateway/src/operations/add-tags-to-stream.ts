import { changeStream } from "../stream-updates.ts";
import { streamOf } from "../streams.ts";
import { checkTagKeys, checkTags } from "../tags.ts";
import { defineOperation } from "./operation.ts";

export const addTagsToStream = defineOperation("AddTagsToStream", async (input, services, request) => {
  const view = streamOf(services.metadata, input, request);
  checkTags([...input.Tags.keys(), ...input.Tags.values()]);
  checkTagKeys(input.Tags.keys());
  await changeStream(services, request, view, { tags: { set: Object.fromEntries(input.Tags) } });
  return undefined;
});
