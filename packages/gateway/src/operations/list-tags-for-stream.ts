import { streamOf } from "../streams.ts";
import { tagList } from "../tags.ts";
import { defineOperation } from "./operation.ts";

export const listTagsForStream = defineOperation("ListTagsForStream", (input, { metadata }, request) => {
  const { stream } = streamOf(metadata, input, request);
  const rest = tagList(stream.tags).filter(({ Key }) => Key > (input.ExclusiveStartTagKey ?? ""));
  const page = rest.slice(0, input.Limit ?? rest.length);
  return { Tags: page, HasMoreTags: page.length < rest.length };
});
