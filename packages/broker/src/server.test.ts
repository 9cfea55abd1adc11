import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startController, type RunningController } from "@millrace/controller";
import {
  BatchBuilder,
  ClusterMetadata,
  type ClosableShardRouter,
  connectControllers,
  type ControllerConnection,
  createShardRouter,
  MetadataWatcher,
  ShardThrottled,
} from "@millrace/client";
import { readBatchHeader, recordsOf } from "@millrace/proto";
import { type Disk, freePort, realWorld, silentLogger } from "@millrace/util";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningBroker, startBroker } from "./server.ts";

const world = realWorld();
const { clock, random } = world;
/** Of broker-0: metadata that are being saved, and at most at once. */
const saves = { now: 0, most: 0, done: 0 };
const METADATA_FILE = join("broker-0", "metadata.bin");
const base = {
  world: { ...world, disk: slowMetadata(world.disk) },
  logger: silentLogger,
  onFatal: (error: Error) => fatal.push(error),
};
const fatal: Error[] = [];
let directory: string;
let controllerPorts: number[];
const brokerPorts: number[] = [];
const controllers: RunningController[] = [];
const brokers = new Map<number, RunningBroker>();
let connection: ControllerConnection;
let metadata: ClusterMetadata;
let watcher: MetadataWatcher;
let router: ClosableShardRouter;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-broker-"));
  controllerPorts = [await freePort(), await freePort(), await freePort()];
  const peers = new Map(controllerPorts.map((port, i) => [`controller-${i}`, `127.0.0.1:${port}`]));
  for (const [id, listen] of peers) {
    const dataDir = join(directory, id);
    const own = { registry: new Registry(), listen, az: "az-a", controllerId: id, dataDir };
    controllers.push(await startController({ ...base, ...own, peers, initialSettings: { quotas: "aws" } }));
  }
  for (const i of [0, 1, 2]) {
    brokerPorts.push(await freePort());
    await start(i);
  }
  connection = connectControllers({ addresses: [...peers.values()], clock, random, logger: silentLogger });
  metadata = new ClusterMetadata({ clock });
  watcher = new MetadataWatcher({ controllers: connection, metadata });
  router = createShardRouter({ metadata, clock, random, logger: silentLogger });
  await until(() => metadata.brokers.filter((broker) => broker.state === "UP").length === 3);
}, 30_000);

afterAll(async () => {
  router.close();
  watcher.close();
  connection.close();
  for (const broker of brokers.values()) await broker.close({ graceMs: 0 });
  for (const controller of controllers) await controller.close({ graceMs: 0 });
  rmSync(directory, { recursive: true });
  expect(fatal).toEqual([]);
}, 30_000);

/** A disk on which broker-0's metadata take longer than the pause between two savings. */
function slowMetadata(disk: Disk): Disk {
  const slow: Pick<Disk, "open" | "rename"> = {
    open: (path, options) => {
      if (path.endsWith(`${METADATA_FILE}.new`)) saves.most = Math.max(saves.most, ++saves.now);
      return disk.open(path, options);
    },
    rename: async (from, to) => {
      if (to.endsWith(METADATA_FILE)) {
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        saves.now--;
        saves.done++;
      }
      await disk.rename(from, to);
    },
  };
  return new Proxy(disk, {
    get: (target, name) => (name === "open" || name === "rename" ? slow[name] : bound(target, name)),
  });
}

function bound(target: Disk, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === "function" ? value.bind(target) : value;
}

async function start(i: number): Promise<void> {
  const listen = `127.0.0.1:${brokerPorts[i]}`;
  const own = { listen, az: `az-${"abc"[i]}`, brokerId: `broker-${i}`, dataDir: join(directory, `broker-${i}`) };
  brokers.set(i, await startBroker({ ...base, ...own, ...surroundings() }));
}

const surroundings = () => ({
  registry: new Registry(),
  controllers: controllerPorts.map((port) => `127.0.0.1:${port}`),
});

async function until(condition: () => boolean, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function createStream(name: string, shardCount: number): Promise<number[]> {
  const key = { accountId: "000000000000", region: "us-east-1", name };
  const commandId = random.bytes(8).toString("hex");
  const { error } = await connection.execute({ commandId, createStream: { key, shardCount } }, { timeoutMs: 5_000 });
  expect(error).toBeNull();
  const stream = () => metadata.stream(key.accountId, key.region, name);
  await until(() => stream()?.stream.status === "ACTIVE");
  return stream()?.shards.map(({ groupId }) => groupId) ?? [];
}

function batchOf(texts: readonly string[], batchId = random.bytes(16)): Buffer {
  const builder = new BatchBuilder();
  for (const text of texts) {
    const data = Buffer.from(text);
    builder.addRecord(data, 0, Math.min(data.length, 10), data, 0, data.length);
  }
  return builder.seal({ flags: 0, batchId });
}

async function readAll(groupId: number): Promise<string[]> {
  const texts: string[] = [];
  for (let fromOffset = 1; ;) {
    const request = { groupId, fromOffset, bytesMax: 1_000_000, quotas: false, anyReplica: false };
    const { batches, endOffset } = await router.read(request, { timeoutMs: 5_000 });
    for (let at = 0; at < batches.length;) {
      const header = readBatchHeader(batches, at);
      for (const record of recordsOf(batches, at, header)) texts[record.offset - 1] = record.data.toString();
      at += header.sizeBytes;
      fromOffset = header.baseOffset + header.recordCount;
    }
    if (fromOffset >= endOffset) return texts;
  }
}

test("what is acknowledged is read back in order, and a batch that is sent again is stored once", async () => {
  const [groupId] = (await createStream("first", 1)) as [number];
  const batchId = random.bytes(16);
  const options = { timeoutMs: 5_000, quotas: false };
  const first = await router.append(groupId, batchOf(["a", "b"], batchId), options);
  const again = await router.append(groupId, batchOf(["a", "b"], batchId), options);
  expect(again).toEqual(first);
  expect(first).toMatchObject({ baseOffset: 1, recordCount: 2 });
  await Promise.all(Array.from({ length: 200 }, (_, i) => router.append(groupId, batchOf([`n${i}`]), options)));
  const texts = await readAll(groupId);
  expect(texts).toHaveLength(202);
  expect(new Set(texts).size).toBe(202);
}, 30_000);

test("a look-up finds the tail and a time", async () => {
  const [groupId] = (await createStream("looked-up", 1)) as [number];
  const options = { timeoutMs: 5_000, quotas: false };
  await router.append(groupId, batchOf(["a", "b", "c"]), options);
  await new Promise((resolve) => setTimeout(resolve, 5)); // arrival times that differ
  const second = await router.append(groupId, batchOf(["d"]), options);
  const locate = (target: "tail" | "time", timeMs: number) =>
    router.locate({ groupId, target, timeMs }, { timeoutMs: 5_000 });
  expect((await locate("tail", 0)).offset).toBe(5);
  expect((await locate("time", 0)).offset).toBe(1);
  expect((await locate("time", second.arrivalTimeMs)).offset).toBe(4);
  expect((await locate("time", second.arrivalTimeMs + 1_000)).offset).toBe(5);
}, 30_000);

test("a shard's quota admits its megabyte a second, and says what would pass", async () => {
  const [groupId] = (await createStream("limited", 1)) as [number];
  const options = { timeoutMs: 5_000, quotas: true };
  const large = "x".repeat(950_000);
  await router.append(groupId, batchOf([large]), options);
  const refused = await router.append(groupId, batchOf([large]), options).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ShardThrottled);
  const { bytesAvailable, recordsAvailable } = refused as ShardThrottled;
  expect(bytesAvailable).toBeLessThan(950_000);
  expect(recordsAvailable).toBeGreaterThan(0);
}, 30_000);

test("a broker that stops and comes back costs nothing that was acknowledged, under writes", async () => {
  const groupIds = await createStream("failover", 3);
  const acknowledged = new Map<string, { groupId: number; offset: number }>();
  let isStopped = false;
  const writers = groupIds.map(async (groupId) => {
    for (let n = 0; !isStopped; n++) {
      const text = `${groupId}:${n}`;
      const { baseOffset } = await router.append(groupId, batchOf([text]), { timeoutMs: 10_000, quotas: false });
      acknowledged.set(text, { groupId, offset: baseOffset });
    }
  });
  for (const i of [0, 1, 2]) {
    const before = acknowledged.size;
    await until(() => acknowledged.size > before + 100);
    await brokers.get(i)?.close({ graceMs: 0 });
    const during = acknowledged.size;
    await until(() => acknowledged.size > during + 100);
    await start(i);
    await until(() => brokers.get(i)?.ready().ready === true);
  }
  isStopped = true;
  await Promise.all(writers);
  for (const groupId of groupIds) {
    const texts = await readAll(groupId);
    expect(new Set(texts).size).toBe(texts.length);
    for (const [text, { groupId: of, offset }] of acknowledged)
      if (of === groupId) expect(texts[offset - 1]).toBe(text);
  }
}, 60_000);

test("a deleted stream is gone from every broker", async () => {
  const [groupId] = (await createStream("short-lived", 1)) as [number];
  const key = { accountId: "000000000000", region: "us-east-1", name: "short-lived" };
  await connection.execute({ commandId: "delete", deleteStream: { key } }, { timeoutMs: 5_000 });
  await until(() => metadata.shardByGroup(groupId) === undefined);
}, 30_000);

test("metadata that change while they are saved are saved again, one saving at a time", async () => {
  const before = saves.done;
  for (let change = 0; change < 4; change++) {
    await createStream(`change-${change}`, 1);
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
  await until(() => saves.done >= before + 2 && saves.now === 0);
  expect(saves.most).toBe(1);
});

test("a broker that runs stops when another disk has taken its name", async () => {
  const errors: string[] = [];
  const twin = { ...base, listen: "127.0.0.1:0", az: "az-a", brokerId: "broker-3" };
  const startTwin = (folder: string, onFatal = base.onFatal) =>
    startBroker({ ...twin, ...surroundings(), dataDir: join(directory, folder), onFatal });
  const first = await startTwin("twin-1", (error) => errors.push(error.message));
  await until(() => first.ready().ready);
  expect(errors).toEqual([]);
  const second = await startTwin("twin-2");
  // While the first one is heard of, the second one waits; silence makes it count as down, and here the word of somebody who believes so.
  const down = { nodeId: "broker-3/1", state: "DOWN" } as const;
  for (let count = 0; errors.length === 0 && count < 500; count++) {
    await connection.execute({ commandId: `down-${count}`, setBrokerState: down }, { timeoutMs: 5_000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(errors[0]).toContain("broker-3 has registered with a newer disk since");
  await first.close({ graceMs: 0 });
  await until(() => second.ready().ready);
  await second.close({ graceMs: 0 });
}, 60_000);
