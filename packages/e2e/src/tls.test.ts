import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./harness/cluster.ts";
import { SingleNode } from "./harness/single.ts";

const run = promisify(execFile);
const PAIR = fileURLToPath(new URL("../../gateway/testdata/tls/localhost.", import.meta.url));
let directory: string;
let certificate: string;
let key: string;
let node: SingleNode;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-tls-"));
  certificate = join(directory, "tls.crt");
  key = join(directory, "tls.key");
  copyFileSync(`${PAIR}cert.pem`, certificate);
  copyFileSync(`${PAIR}key.pem`, key);
  const files = ["--tls-certificate", certificate, "--tls-key", key];
  node = await SingleNode.start("--memory", "--streams", "orders:1", ...files);
}, 60_000);

afterAll(async () => {
  await node.destroy();
  rmSync(directory, { recursive: true });
});

/** A program of its own: Node takes further authorities only at its start. */
const PROGRAM = `
import { KinesisClient, PutRecordCommand, ListShardsCommand } from "@aws-sdk/client-kinesis";
const client = new KinesisClient({
  endpoint: process.env.ENDPOINT, region: "us-east-1", credentials: { accessKeyId: "a", secretAccessKey: "b" }, maxAttempts: 1,
});
const { Shards } = await client.send(new ListShardsCommand({ StreamName: "orders" }));
const { ShardId } = await client.send(new PutRecordCommand({ StreamName: "orders", PartitionKey: "k", Data: Buffer.from("x") }));
console.log(Shards.length, ShardId);
process.exit();
`;

function put(scheme: "http" | "https", authorities: string | undefined): Promise<{ stdout: string }> {
  const env = {
    ...process.env,
    ENDPOINT: `${scheme}://127.0.0.1:${node.port}`,
    ...(authorities === undefined ? {} : { NODE_EXTRA_CA_CERTS: authorities }),
  };
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  return run(process.execPath, ["--input-type=module", "-e", PROGRAM], { env, cwd });
}

test("X: the SDK works over TLS (HTTP/2), and only with the certificate's authority", async () => {
  expect((await put("https", certificate)).stdout).toBe("1 shardId-000000000000\n");
  await expect(put("https", undefined)).rejects.toThrow();
}, 60_000);

test("X: with TLS there is no clear text beside it, unless asked for", async () => {
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(node.port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString()));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
  expect(answer).not.toContain("200 OK");
}, 30_000);

test("X: a renewed certificate is taken up without a restart, and a broken one is not", async () => {
  const later = (seconds: number): void => {
    const at = Date.now() / 1_000 + seconds;
    for (const path of [certificate, key]) utimesSync(path, at, at);
  };
  later(10);
  await eventually(() => node.log.includes("certificate read again"), 10_000);
  writeFileSync(certificate, "nonsense");
  later(20);
  await eventually(() => node.log.includes("the last good one stays"), 10_000);
  expect((await put("https", `${PAIR}cert.pem`)).stdout).toBe("1 shardId-000000000000\n");
}, 60_000);
