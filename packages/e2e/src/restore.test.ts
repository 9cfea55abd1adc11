import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type KinesisClient, PutRecordCommand } from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster, PROGRAM } from "./harness/cluster.ts";
import { createStream, readShard } from "@millrace/verifier";

const run = promisify(execFile);
const CONTROLLERS = ["controller-1", "controller-2", "controller-3"];
const SHARD = "shardId-000000000000";

let directory: string;
let cluster: LocalCluster;
let client: KinesisClient;
let clusterId: string;

const millrace = async (...rest: string[]): Promise<string> => {
  const { stdout } = await run(process.execPath, [PROGRAM, ...rest]);
  return stdout;
};
const folder = (id: string): string => join(cluster.dataDir, id);
const named = (): string => CONTROLLERS.map((id) => `${id}=${cluster.node(id).address}`).join(",");
/** One of them may have been stopped before it heard of the last change; who has acknowledged a record knows of its stream. */
const fromBrokers = (): string[] => ["broker-1", "broker-2", "broker-3"].flatMap((id) => ["--from", folder(id)]);
const backupFile = (): string => join(directory, "metadata.backup");
const clusterIdOf = (broker: string): string =>
  (JSON.parse(readFileSync(join(folder(broker), "broker", "identity.json"), "utf8")) as { clusterId: string })
    .clusterId;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-restore-"));
  cluster = await LocalCluster.start();
  client = cluster.client();
  await createStream(client, "orders", 2);
  clusterId = clusterIdOf("broker-1");
}, 60_000);

afterAll(async () => {
  await cluster.destroy();
  rmSync(directory, { recursive: true });
});

async function put(stream: string, text: string): Promise<bigint> {
  const record = { PartitionKey: "k", ExplicitHashKey: "0", Data: Buffer.from(text) };
  return BigInt((await client.send(new PutRecordCommand({ StreamName: stream, ...record }))).SequenceNumber ?? 0);
}

const stored = async (stream: string): Promise<string[]> =>
  (await readShard(client, stream, SHARD)).map(({ id }) => id);

async function loseControllers(): Promise<void> {
  await cluster.stop();
  for (const id of CONTROLLERS) rmSync(folder(id), { recursive: true });
}

/** Starts it, and makes new connections. */
async function launch(): Promise<void> {
  await cluster.launch();
  client = cluster.client();
}

test("O: all controllers are lost; a backup brings streams, records and the cluster's name back", async () => {
  const first = await put("orders", "before the backup");
  expect(await millrace("backup", "--out", backupFile(), "--data-dir", cluster.dataDir)).toContain(clusterId);
  expect(statSync(backupFile()).mode & 0o077).toBe(0);
  const second = await put("orders", "after the backup");

  await loseControllers();
  for (const id of CONTROLLERS) {
    await millrace("restore", "--from", backupFile(), "--into", folder(id), "--controllers", named());
  }
  await launch();
  await cluster.healthy();
  expect(clusterIdOf("broker-1")).toBe(clusterId);
  expect(await stored("orders")).toEqual(["before the backup", "after the backup"]);
  const third = await put("orders", "after the restore");
  expect(second).toBeGreaterThan(first);
  expect(third).toBeGreaterThan(second);
  await createStream(client, "made-after", 1);
  await put("made-after", "x");
  expect(await stored("made-after")).toEqual(["x"]);
}, 120_000);

test("O: what was made after the backup comes back from a broker's folder, which is newer", async () => {
  await cluster.stop();
  for (const id of CONTROLLERS) rmSync(folder(id), { recursive: true });
  let said = "";
  for (const id of CONTROLLERS) {
    const sources = ["--from", backupFile(), ...fromBrokers()];
    said = await millrace("restore", ...sources, "--into", folder(id), "--controllers", named());
  }
  expect(said).toMatch(/restored from .*broker-\d/);
  await launch();
  await cluster.healthy();
  expect(await stored("made-after")).toEqual(["x"]);
  expect(await stored("orders")).toEqual(["before the backup", "after the backup", "after the restore"]);
  await put("orders", "again");
}, 120_000);

test("D21, O21: two of three controllers are lost for good: the third one's folder is enough", async () => {
  await createStream(client, "last", 1);
  await cluster.stop();
  for (const id of ["controller-1", "controller-2"]) rmSync(folder(id), { recursive: true });
  const survivor = join(directory, "survivor");
  await run("mv", [folder("controller-3"), survivor]);
  for (const id of CONTROLLERS) {
    await millrace("restore", "--from", survivor, "--into", folder(id), "--controllers", named());
  }
  await launch();
  await cluster.healthy();
  expect((await cluster.status()).streams).toBe(3);
  await put("last", "y");
  expect(await stored("last")).toEqual(["y"]);
}, 120_000);

test("D21: brokers do not follow controllers that begin anew in their place, and lose nothing to them", async () => {
  await loseControllers();
  const started = cluster.launch().catch(() => undefined);
  const log = (): string => readFileSync(join(cluster.dataDir, "logs", "broker-1.log"), "utf8");
  await eventually(() => log().includes("belongs to"), 30_000, log);
  await cluster.stop();
  await started;
  for (const id of CONTROLLERS) {
    rmSync(folder(id), { recursive: true, force: true });
    await millrace("restore", ...fromBrokers(), "--into", folder(id), "--controllers", named());
  }
  await launch();
  await cluster.healthy();
  expect(await stored("orders")).toHaveLength(4);
  expect(await stored("last")).toEqual(["y"]);
}, 120_000);

test("O: a restore refuses what is damaged, and a folder that is in use", async () => {
  const damaged = join(directory, "damaged");
  copyFileSync(backupFile(), damaged);
  const bytes = readFileSync(damaged);
  bytes[bytes.length - 5] = 0;
  writeFileSync(damaged, bytes);
  const into = (target: string, from: string): Promise<string> =>
    millrace("restore", "--from", from, "--into", target, "--controllers", named());
  await expect(into(join(directory, "new"), damaged)).rejects.toThrow("damaged");
  await expect(into(folder("controller-1"), backupFile())).rejects.toThrow("not empty");
}, 60_000);
