import { resourceOf } from "../resources.ts";
import { tagList } from "../tags.ts";
import { defineOperation } from "./operation.ts";

export const listTagsForResource = defineOperation("ListTagsForResource", (input, { metadata }, request) => {
  const { view, consumer } = resourceOf(metadata, input.ResourceARN, request);
  return { Tags: tagList((consumer ?? view.stream).tags) };
});
