import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  PutRecordCommand,
} from "@aws-sdk/client-kinesis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually, LocalCluster, PROGRAM } from "./harness/cluster.ts";
import { createStream, readShard } from "@millrace/verifier";

const run = promisify(execFile);
let directory: string;
let cluster: LocalCluster;
let client: KinesisClient;
let brokers: ChildProcess[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-recover-"));
  brokers = [];
  cluster = await LocalCluster.start("--no-restart");
  client = cluster.client();
  await createStream(client, "orders", 2);
}, 60_000);

afterEach(async () => {
  for (const broker of brokers) {
    const exited = new Promise((resolve) => broker.once("exit", resolve));
    if (broker.exitCode === null && broker.kill("SIGTERM")) await exited;
  }
  await cluster.destroy();
  rmSync(directory, { recursive: true });
}, 60_000);

const folder = (id: string): string => join(cluster.dataDir, id);
const recover = (...rest: string[]): Promise<{ stdout: string }> =>
  run(process.execPath, [
    ...[PROGRAM, "recover-shard", "--stream", "orders", "--from", "broker-3", "--data-dir", cluster.dataDir],
    ...rest,
  ]);

/** Of the shard that has the lowest keys. */
const record = (text: string) => ({ PartitionKey: "k", ExplicitHashKey: "0", Data: Buffer.from(text) });

async function put(text: string): Promise<bigint> {
  const { SequenceNumber } = await client.send(new PutRecordCommand({ StreamName: "orders", ...record(text) }));
  return BigInt(SequenceNumber ?? 0);
}

const stored = async (): Promise<string[]> =>
  (await readShard(client, "orders", "shardId-000000000000")).map(({ id }) => id);

async function firstPage(): Promise<string[]> {
  const position = {
    StreamName: "orders",
    ShardId: "shardId-000000000000",
    ShardIteratorType: "TRIM_HORIZON",
  } as const;
  const { ShardIterator } = await client.send(new GetShardIteratorCommand(position));
  const { Records = [] } = await client.send(new GetRecordsCommand({ ShardIterator }));
  return Records.map(({ Data }) => Buffer.from(Data ?? []).toString());
}

async function kill(...ids: string[]): Promise<void> {
  for (const id of ids) cluster.signal(id, "SIGKILL");
  await eventually(() => ids.every((id) => cluster.node(id).pid === 0), 10_000);
}

/** A broker beside the launcher's, on whatever is in its folder. */
function startBroker(id: string, az: string): void {
  const named = cluster.nodes().filter(({ role }) => role === "controller");
  const options = ["--role", "broker", "--id", id, "--az", az, "--data-dir", folder(id)];
  const controllers = named.map((node) => `${node.id}=${node.address}`).join(",");
  const child = spawn(process.execPath, [PROGRAM, "start", ...options, "--controllers", controllers], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  brokers.push(child);
}

const healed = (): Promise<void> =>
  eventually(
    async () => (await cluster.status()).underReplicatedShards === 0,
    60_000,
    async () => JSON.stringify(await cluster.status(), undefined, 1),
  );

test("O21: two of three brokers are lost with their disks; the third one's records are kept and writing goes on", async () => {
  const before = [await put("a"), await put("b")];
  await expect(recover("--accept-data-loss")).rejects.toThrow("no shard was recovered");
  await expect(recover()).rejects.toThrow("nothing would be");
  await kill("broker-1");
  // Moments of silence are no loss: a majority is there.
  await expect(recover("--accept-data-loss")).rejects.toThrow("no shard was recovered");
  await put("c");
  await kill("broker-2");
  for (const id of ["broker-1", "broker-2"]) rmSync(folder(id), { recursive: true });
  const hasty = cluster.client({ maxAttempts: 1 });
  await expect(hasty.send(new PutRecordCommand({ StreamName: "orders", ...record("x") }))).rejects.toThrow();
  // What it knows to be committed can be read meanwhile: the last of it may be missing.
  expect((await firstPage()).slice(0, 2)).toEqual(["a", "b"]);

  const { stdout: rehearsed } = await recover().catch((error: { stdout: string }) => error);
  expect(rehearsed).toContain("shardId-000000000000: would be recovered from broker-3");
  await expect(recover()).rejects.toThrow("--accept-data-loss");
  let said = "";
  await eventually(
    async () => {
      const { stdout } = await recover("--accept-data-loss").catch((error: { stdout: string }) => error);
      said = stdout;
      return said.includes("2 of 2 shards recovered");
    },
    20_000,
    () => said,
  );
  expect(said).toContain("UNSAFE");
  expect(said).toContain("recovered up to sequence number");
  expect(await stored()).toEqual(["a", "b", "c"]);
  const after = await put("d");
  expect(after).toBeGreaterThan(before[1] ?? 0n);

  for (const [id, az] of [
    ["broker-1", "az-a"],
    ["broker-2", "az-b"],
  ] as const) {
    mkdirSync(folder(id));
    startBroker(id, az);
  }
  await healed();
  await put("e");
  // Three copies again: any one of them may die now.
  await kill("broker-3");
  await put("f");
  expect(await stored()).toEqual(["a", "b", "c", "d", "e", "f"]);
}, 180_000);

test("O21: lost brokers that come back after all are not heard; what they had is thrown away, and they are filled again", async () => {
  await put("a");
  await kill("broker-1", "broker-2");
  await eventually(async () => {
    const { stdout } = await recover("--accept-data-loss").catch((error: { stdout: string }) => error);
    return stdout.includes("2 of 2 shards recovered");
  }, 20_000);
  await put("b");
  // Both at once: a majority of what the shard was.
  startBroker("broker-1", "az-a");
  startBroker("broker-2", "az-b");
  for (let count = 0; count < 20; count++) await put(`during ${count}`);
  await healed();
  await put("c");
  const expected = ["a", "b", ...Array.from({ length: 20 }, (_, count) => `during ${count}`), "c"];
  expect(await stored()).toEqual(expected);
  await kill("broker-3");
  await put("d");
  expect(await stored()).toEqual([...expected, "d"]);
  renameSync(folder("broker-3"), join(directory, "away"));
}, 180_000);
