import { awsError } from "../errors.ts";
import { activeStream, changeStream } from "../stream-updates.ts";
import { defineOperation } from "./operation.ts";

export const startStreamEncryption = defineOperation("StartStreamEncryption", async (input, services, request) => {
  const view = activeStream(services, input, request);
  checkType(input.EncryptionType, "start");
  await changeStream(services, request, view, { encryptionKeyId: input.KeyId });
  return undefined;
});

export const stopStreamEncryption = defineOperation("StopStreamEncryption", async (input, services, request) => {
  const view = activeStream(services, input, request);
  checkType(input.EncryptionType, "stop");
  await changeStream(services, request, view, { encryptionKeyId: "" });
  return undefined;
});

/** The model has NONE as well, for descriptions. @throws AwsError INVALID_ARGUMENT */
function checkType(type: "NONE" | "KMS", verb: "start" | "stop"): void {
  if (type === "KMS") return;
  throw awsError("INVALID_ARGUMENT", { text: `EncryptionType must be KMS to ${verb} stream encryption.` });
}
