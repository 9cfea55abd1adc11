import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { PutRecordCommand } from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROGRAM } from "./harness/cluster.ts";
import { SingleNode } from "./harness/single.ts";

const run = promisify(execFile);
const SECRET = "not-for-anybody-else";
let node: SingleNode;
let directory: string;

beforeAll(async () => {
  node = await SingleNode.start("--memory", "--streams", "orders:1");
  directory = mkdtempSync(join(tmpdir(), "millrace-diagnosis-"));
  const record = { StreamName: "orders", PartitionKey: SECRET, Data: Buffer.from(SECRET) };
  await node.client().send(new PutRecordCommand(record));
}, 60_000);

afterAll(async () => {
  await node.destroy();
  rmSync(directory, { recursive: true });
});

test("S: a diagnosis has what helps, and no record", async () => {
  await run(process.execPath, [PROGRAM, "diagnose", "--data-dir", node.dataDir, "--out", directory]);
  const names = readdirSync(directory);
  expect(names).toEqual(expect.arrayContaining(["machine.json", "cluster.json", "status.json"]));
  expect(names.some((name) => name.endsWith(".metrics.txt"))).toBe(true);
  for (const name of names) expect(readFileSync(join(directory, name), "utf8")).not.toContain(SECRET);
}, 30_000);

test("S: top shows the stream once, and says what is not there", async () => {
  const top = [PROGRAM, "top", "--once", "--interval", "1", "--data-dir"];
  const { stdout } = await run(process.execPath, [...top, node.dataDir]);
  expect(stdout.match(/^orders /gm)).toHaveLength(1);
  await expect(run(process.execPath, [...top, join(directory, "nothing")])).rejects.toMatchObject({
    stderr: expect.stringContaining("no cluster in") as string,
  });
}, 30_000);
