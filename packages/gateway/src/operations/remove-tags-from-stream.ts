import { changeStream } from "../stream-updates.ts";
import { streamOf } from "../streams.ts";
import { checkTags } from "../tags.ts";
import { defineOperation } from "./operation.ts";

export const removeTagsFromStream = defineOperation("RemoveTagsFromStream", async (input, services, request) => {
  const view = streamOf(services.metadata, input, request);
  checkTags(input.TagKeys);
  await changeStream(services, request, view, { tags: { remove: [...input.TagKeys] } });
  return undefined;
});
