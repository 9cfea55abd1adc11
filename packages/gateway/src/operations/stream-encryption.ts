import { awsError } from "../errors.ts";
import { activeStream, changeStream } from "../stream-updates.ts";
import { defineOperation } from "./operation.ts";

export const startStreamEncryption = defineOperation("StartStreamEncryption", async (input, services, request) => {
  const view = activeStream(services, input, request);
  if (input.EncryptionType !== "KMS") {
    throw awsError("INVALID_ARGUMENT", { text: "EncryptionType must be KMS to start stream encryption." });
  }
  await changeStream(services, request, view, { encryptionKeyId: input.KeyId });
  return undefined;
});

export const stopStreamEncryption = defineOperation("StopStreamEncryption", async (input, services, request) => {
  const view = activeStream(services, input, request);
  await changeStream(services, request, view, { encryptionKeyId: "" });
  return undefined;
});
