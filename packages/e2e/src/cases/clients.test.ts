import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PutRecordCommand } from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { freePort } from "@millrace/util";
import { callRaw } from "../harness/raw.ts";
import { SingleNode } from "../harness/single.ts";

const CREDENTIALS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
let node: SingleNode;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-keys-"));
  const file = join(folder, "keys.json");
  writeFileSync(file, JSON.stringify([CREDENTIALS]));
  node = await SingleNode.start("--memory", "--credentials", file, "--streams", "s");
}, 30_000);
afterAll(async () => {
  await node.destroy();
  rmSync(folder, { recursive: true });
});

test.each([10, -10])(
  "C11: an SDK whose clock is %i minutes off is told the time, and succeeds on its retry",
  async (minutes) => {
    const real = Date.now.bind(Date);
    const clock = vi.spyOn(Date, "now").mockImplementation(() => real() + minutes * 60_000);
    const put = new PutRecordCommand({ StreamName: "s", PartitionKey: "k", Data: Buffer.from("x") });
    try {
      const once = node.client({ credentials: CREDENTIALS, maxAttempts: 1 });
      const refused: unknown = await once.send(put).catch((error: unknown) => error);
      expect(refused).toMatchObject({ name: "InvalidSignatureException", $metadata: { httpStatusCode: 400 } });
      const stored = await node.client({ credentials: CREDENTIALS }).send(put);
      expect(stored).toMatchObject({ ShardId: "shardId-000000000000", $metadata: { attempts: 2 } });
    } finally {
      clock.mockRestore();
    }
  },
);

test("C11: every answer has the time, refusals too", async () => {
  const answers = [
    await callRaw(node.endpoint, "ListStreams", {}),
    await callRaw(node.endpoint, "MakeCoffee", {}),
    await callRaw(node.endpoint, "ListStreams", Buffer.from("{"), { encoding: "cbor" }),
  ];
  for (const { status, headers } of answers) {
    expect(status).toBe(400);
    expect(Math.abs(Date.parse(String(headers.date)) - Date.now())).toBeLessThan(2_500);
  }
});

test("X05: health says 503 with reasons until puts work, then 200", async () => {
  const adminPort = await freePort();
  const seen: { status: number; body: string }[] = [];
  const started = SingleNode.start("--memory", "--admin-listen", `127.0.0.1:${adminPort}`);
  const probe = (): Promise<{ status: number; body: string } | undefined> =>
    new Promise((resolve) => {
      const sent = request({ port: adminPort, host: "127.0.0.1", path: "/readyz" }, (response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => (body += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      });
      sent.on("error", () => resolve(undefined));
      sent.end();
    });
  const isStarted = started.then(() => true);
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) seen.push(answer);
    if (answer?.status === 200) break;
    if (await Promise.race([isStarted, new Promise<false>((done) => setImmediate(() => done(false)))])) {
      seen.push((await probe()) ?? { status: 0, body: "" });
      break;
    }
  }
  const other = await started;
  try {
    const statuses = seen.map(({ status }) => status);
    expect(statuses.at(-1)).toBe(200);
    expect(statuses).toContain(503);
    for (const { status, body } of seen) if (status === 503) expect(body).toMatch(/"reasons":\[".+"\]/);
    const created = await callRaw(other.endpoint, "CreateStream", { StreamName: "s", ShardCount: 1 });
    expect(created.status).toBe(200);
  } finally {
    await other.destroy();
  }
}, 30_000);
