import { awsError } from "../errors.ts";
import { resourceOf } from "../resources.ts";
import { changeStream } from "../stream-updates.ts";
import { defineOperation } from "./operation.ts";

const POLICY_BYTES_MAX = 20_480;

/** Policies are kept and given back; access is decided by access keys alone (`access.ts`). */
export const putResourcePolicy = defineOperation("PutResourcePolicy", async (input, services, request) => {
  const { view, consumer } = resourceOf(services.metadata, input.ResourceARN, request);
  if (Buffer.byteLength(input.Policy) > POLICY_BYTES_MAX) {
    throw awsError("INVALID_ARGUMENT", { text: "The resource policy is larger than 20 KB." });
  }
  if (!isPolicy(input.Policy))
    throw awsError("INVALID_ARGUMENT", { text: "The resource policy is not a valid policy document." });
  await changeStream(services, request, view, { policy: { consumer: consumer?.name ?? "", policy: input.Policy } });
  return undefined;
});

function isPolicy(text: string): boolean {
  try {
    const policy: unknown = JSON.parse(text);
    return typeof policy === "object" && policy !== null && "Statement" in policy;
  } catch {
    return false;
  }
}

export const getResourcePolicy = defineOperation("GetResourcePolicy", (input, { metadata }, request) => {
  const { view, consumer } = resourceOf(metadata, input.ResourceARN, request);
  return { Policy: (consumer ?? view.stream).policy || "{}" };
});

export const deleteResourcePolicy = defineOperation("DeleteResourcePolicy", async (input, services, request) => {
  const { view, consumer } = resourceOf(services.metadata, input.ResourceARN, request);
  if ((consumer ?? view.stream).policy === "") throw awsError("POLICY_NOT_FOUND", { resourceArn: input.ResourceARN });
  await changeStream(services, request, view, { policy: { consumer: consumer?.name ?? "", policy: "" } });
  return undefined;
});
