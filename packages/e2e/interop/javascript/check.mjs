// The AWS SDK for JavaScript v3 against a running endpoint: node check.mjs http://127.0.0.1:4567 3000. The drivers of the other SDKs
// ask the same, by the same names; this one is the one to read first.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Kinesis } from "@aws-sdk/client-kinesis";
import { checkOperations } from "./operations.mjs";
import { checkPushed } from "./pushed.mjs";
import { checkRecords } from "./records.mjs";

const client = new Kinesis({
  endpoint: process.argv[2],
  region: "us-east-1",
  credentials: { accessKeyId: "any", secretAccessKey: "any" },
});
const manifest = fileURLToPath(new URL("../../package.json", import.meta.url));
console.log(`version ${JSON.parse(readFileSync(manifest, "utf8")).dependencies["@aws-sdk/client-kinesis"]}`);
const name = `javascript-${Date.now()}`;
await checkOperations(client, name);
await checkPushed(client, `${name}-pushed`, Number(process.argv[3]));
await checkRecords(client, `${name}-records`);
client.destroy();
process.exit(0);
