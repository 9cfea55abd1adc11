import { expect, test } from "vitest";
import { Served, streamOfShards } from "../testing/served.ts";

test("encryption is started and stopped by KMS, the only type there is", async () => {
  const served = new Served([streamOfShards("s", 1, { encryptionKeyId: "alias/aws/kinesis" })], { quotas: "off" });
  const call = (operation: string, EncryptionType: string): Promise<unknown> =>
    served
      .call(operation, { StreamName: "s", EncryptionType, KeyId: "alias/aws/kinesis" })
      .catch((error: unknown) => error);
  for (const operation of ["StartStreamEncryption", "StopStreamEncryption"]) {
    expect(await call(operation, "NONE")).toMatchObject({ awsName: "InvalidArgumentException" });
    expect(await call(operation, "KMS")).toMatchObject({ message: "nobody is asked" });
  }
});
