import { awsError } from "../errors.ts";
import { resourceOf } from "../resources.ts";
import { changeStream } from "../stream-updates.ts";
import { checkTagKeys, checkTags } from "../tags.ts";
import { defineOperation } from "./operation.ts";

export const tagResource = defineOperation("TagResource", async (input, services, request) => {
  const { view, consumer } = resourceOf(services.metadata, input.ResourceARN);
  if (consumer !== undefined) throw awsError("INVALID_ARGUMENT", { text: "Tags of consumers are not supported." });
  checkTags([...input.Tags.keys(), ...input.Tags.values()]);
  checkTagKeys(input.Tags.keys());
  await changeStream(services, request, view, { tags: { set: Object.fromEntries(input.Tags) } });
  return undefined;
});
