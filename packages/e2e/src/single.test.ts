import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DescribeStreamSummaryCommand,
  ListStreamsCommand,
  PutRecordCommand,
  UpdateShardCountCommand,
} from "@aws-sdk/client-kinesis";
import { afterEach, expect, test } from "vitest";
import { eventually, PROGRAM } from "./harness/cluster.ts";
import { callRaw } from "./harness/raw.ts";
import { readShard } from "@millrace/verifier";
import { SingleNode } from "./harness/single.ts";

let node: SingleNode | undefined;
afterEach(() => node?.destroy());

const put = (stream: string) => new PutRecordCommand({ StreamName: stream, PartitionKey: "k", Data: Buffer.from("x") });

test("X01: declared streams are ACTIVE at the ready line, and a second start changes nothing", async () => {
  node = await SingleNode.start("--streams", "orders:4:48h,clicks:on-demand,plain");
  const client = node.client();
  const describe = async (StreamName: string) =>
    (await client.send(new DescribeStreamSummaryCommand({ StreamName }))).StreamDescriptionSummary;
  expect(await describe("orders")).toMatchObject({
    ...{ StreamStatus: "ACTIVE", OpenShardCount: 4, RetentionPeriodHours: 48 },
  });
  expect(await describe("clicks")).toMatchObject({
    ...{ StreamStatus: "ACTIVE", OpenShardCount: 4, StreamModeDetails: { StreamMode: "ON_DEMAND" } },
  });
  expect(await describe("plain")).toMatchObject({ OpenShardCount: 1, RetentionPeriodHours: 24 });
  const first = await client.send(put("plain"));
  await client.send(
    new UpdateShardCountCommand({ StreamName: "orders", TargetShardCount: 2, ScalingType: "UNIFORM_SCALING" }),
  );
  await eventually(async () => (await describe("orders"))?.StreamStatus === "ACTIVE", 10_000);

  expect(await node.kill("SIGTERM")).toBe(0);
  await node.launch();
  expect(await describe("orders")).toMatchObject({ OpenShardCount: 2, RetentionPeriodHours: 48 });
  expect((await client.send(new ListStreamsCommand({}))).StreamNames).toEqual(["clicks", "orders", "plain"]);
  const [record] = await readShard(client, "plain", "shardId-000000000000");
  expect(record?.sequenceNumber).toBe(BigInt(first.SequenceNumber ?? 0));
});

test("X01: a bad declaration stops the start with one clear line", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "millrace-single-"));
  const file = join(dataDir, "streams.json");
  writeFileSync(file, JSON.stringify([{ name: "a", shards: 0 }]));
  const run = (...rest: string[]) =>
    new Promise<{ code: unknown; text: string }>((resolve) => {
      execFile(process.execPath, [PROGRAM, "start", "--single", "--data-dir", dataDir, ...rest], (error, _, stderr) =>
        resolve({ code: error?.code, text: stderr }),
      );
    });
  for (const rest of [
    ["--streams", "a:none"],
    ["--streams-file", file],
  ]) {
    const { code, text } = await run(...rest);
    expect(code).toBe(1);
    expect(text.split("\n").filter((line) => line !== "" && !line.startsWith("("))).toEqual([
      expect.stringContaining("needs 1 to 10000 shards, or on-demand"),
    ]);
  }
  expect(readdirSync(dataDir)).toEqual(["streams.json"]);
  rmSync(dataDir, { recursive: true });
});

/** User and system time of a process (proc(5), of which there are a hundred ticks a second). */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [utime, stime] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(utime) + Number(stime)) / 100;
}

test("X03, X07: one node takes its first put in two seconds and rests below 150 MB; it says that it is not replicated", async () => {
  node = await SingleNode.start("--memory", "--streams", "orders:2");
  const client = node.client();
  await client.send(put("orders"));
  // Of its own: how long that takes is the machine's, which has other tests to run.
  expect(cpuSeconds(node.pid)).toBeLessThan(3);
  const rssKib = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${node.pid}/status`, "utf8"))?.[1]);
  expect(rssKib).toBeLessThan(150 * 1_024);
  expect(node.log.split("\n")[0]).toContain("NOT REPLICATED");
  expect((await node.run("status")).split("\n")[0]).toMatch(/^NOT REPLICATED: .* in memory/);
  expect(JSON.parse(await node.run("status", "--json"))).toMatchObject({
    ...{ mode: "single", inMemory: true, streams: 1, underReplicatedShards: 0 },
  });
  expect(readdirSync(node.dataDir)).toEqual(["cluster.json"]);
  await node.kill("SIGTERM");
  expect(existsSync(join(node.dataDir, "cluster.json"))).toBe(false);
});

test("one node serves on an IPv6 address", async () => {
  const child = spawn(process.execPath, [PROGRAM, "start", "--single", "--memory", "--listen", "[::1]:0"]);
  try {
    const output = await new Promise<string>((resolve, reject) => {
      let text = "";
      child.stdout.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes("\n")) resolve(text);
      });
      child.once("exit", () => reject(new Error(text)));
    });
    const [, endpoint = ""] = /^ready: (http:\/\/\[::1\]:\d+)/.exec(output) ?? [];
    expect((await callRaw(endpoint, "ListStreams", {})).status).toBe(200);
  } finally {
    child.kill();
  }
}, 30_000);

test("a killed single node has every acknowledged record when it is started again", async () => {
  node = await SingleNode.start("--streams", "orders");
  const client = node.client();
  for (let i = 0; i < 20; i++) await client.send(put("orders"));
  await node.kill("SIGKILL");
  await node.launch();
  expect(await readShard(client, "orders", "shardId-000000000000")).toHaveLength(20);
});
