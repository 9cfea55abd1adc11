import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StreamView } from "../../stream-view.ts";
import { type Delivered, GroupWorker, type HandlePage } from "../../testing/group-worker.ts";
import { deltaUpdate } from "../../testing/metadata-fixtures.ts";
import { SimulatedCluster } from "../../testing/simulated-cluster.ts";
import { SimulatedControllers } from "../../testing/simulated-controllers.ts";
import { Producer } from "../producer.ts";
import type { GroupConsumerOptions } from "./group-consumer.ts";
import type { LeasedPage } from "./leased-record.ts";

const LEASE_MS = 10_000;

let cluster: SimulatedCluster;
let controllers: SimulatedControllers;
let producer: Producer;
let delivered: Delivered[];
let put: string[];

function begin(shardCount: number): void {
  cluster = new SimulatedCluster({ shardCount });
  controllers = new SimulatedControllers(cluster.clock);
  controllers.leader = "c1";
  producer = new Producer(cluster.metadata.streamById(1) as StreamView, cluster, { lingerMs: 0 });
  delivered = [];
  put = [];
}

beforeEach(() => begin(4));
afterEach(() => cluster.router.close());

function worker(options: GroupConsumerOptions & { handle?: HandlePage; group?: string } = {}): GroupWorker {
  return new GroupWorker({ cluster, controllers, delivered }, options);
}

async function putSome(count: number, partitionKey?: string): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, i) => `record ${put.length + i}`);
  const stored = texts.map((text) => producer.put({ partitionKey: partitionKey ?? text, data: Buffer.from(text) }));
  await cluster.clock.until(Promise.all(stored));
  put.push(...texts);
  return texts;
}

const after = (ms: number): Promise<void> => cluster.clock.advance(ms);
const texts = (of: readonly Delivered[] = delivered): string[] => of.map(({ text }) => text);
const by = ({ name }: GroupWorker): Delivered[] => delivered.filter((each) => each.worker === name);
const offsetOf = (shardNumber: number): number => controllers.leases.lease("billing", shardNumber)?.nextOffset ?? 0;
const numberOf = (shardId: string): number => Number(shardId.slice("shardId-".length));
const isStored = ({ shardId, offset }: Delivered): boolean => offset < offsetOf(numberOf(shardId));

describe("workers", () => {
  test("share the shards evenly, and each record goes to one of them", async () => {
    const one = worker();
    await after(500);
    expect(one.shards).toHaveLength(4);
    const two = worker();
    await after(LEASE_MS);
    expect([one.shards.length, two.shards.length]).toEqual([2, 2]);
    expect(new Set([...one.shards, ...two.shards]).size).toBe(4);
    await putSome(100);
    await after(3_000);
    expect(texts().toSorted()).toEqual(put.toSorted());
    expect(by(one).length).toBeGreaterThan(0);
    expect(by(two).length).toBeGreaterThan(0);
  });

  test("that join while records flow are given shards when these are checkpointed: no record comes twice", async () => {
    const slow: HandlePage = async (page) => {
      await cluster.clock.sleep(300);
      void page.checkpoint();
    };
    const one = worker({ handle: slow, bufferBytes: 200 });
    await after(1_000);
    for (let i = 0; i < 50; i++) {
      if (i === 10) worker({ handle: slow, bufferBytes: 200 });
      if (i === 25) worker({ handle: slow, bufferBytes: 200 });
      await putSome(2);
      await after(400);
    }
    await after(LEASE_MS);
    expect(one.shards.length).toBeLessThan(3);
    expect(texts().toSorted()).toEqual(put.toSorted());
  });

  test("that never checkpoint give up what is claimed after a lease's time, and it comes again", async () => {
    await putSome(20);
    const one = worker({ handle: () => undefined });
    await after(1_000);
    const two = worker();
    await after(LEASE_MS);
    expect(two.shards).toEqual([]);
    await after(LEASE_MS);
    expect([one.shards.length, two.shards.length]).toEqual([2, 2]);
    const again = delivered.filter(({ shardId }) => two.shards.includes(shardId));
    expect(texts(by(two))).toHaveLength(again.length / 2);
  });

  test("that stop give their shards back at once, checkpoints and all", async () => {
    const one = worker();
    const two = worker();
    await after(LEASE_MS);
    await putSome(100);
    await after(500); // the last checkpoints are not stored yet
    await one.stop();
    expect(one.shards).toEqual([]);
    await after(LEASE_MS / 2);
    expect(two.shards).toHaveLength(4);
    await putSome(50);
    await after(1_000);
    expect(texts().toSorted()).toEqual(put.toSorted());
  });

  test("that are killed lose theirs to the others when their leases expire, which go on after the last checkpoint", async () => {
    const one = worker();
    const two = worker();
    await after(LEASE_MS);
    await putSome(100);
    await after(2_000);
    const storedBefore = delivered.filter(isStored);
    expect(storedBefore).toHaveLength(100);
    await putSome(40);
    await after(10);
    one.kill();
    const late = delivered.filter((each) => !isStored(each) && each.worker === one.name);
    expect(late.length).toBeGreaterThan(0); // delivered, and its checkpoint died with it
    const killedAt = delivered.length;
    await after(LEASE_MS / 2);
    expect(two.shards).toHaveLength(2);
    await putSome(40);
    await after(LEASE_MS * 1.5);
    expect(two.shards).toHaveLength(4);
    expect(new Set(texts())).toEqual(new Set(put));
    const again = delivered.slice(killedAt).filter(({ text }) => texts(delivered.slice(0, killedAt)).includes(text));
    expect(texts(again).toSorted()).toEqual(texts(late).toSorted());
  });

  test("of different groups do not know of each other", async () => {
    worker();
    worker({ group: "audit" });
    await after(500);
    await putSome(20);
    await after(1_000);
    expect(texts().toSorted()).toEqual([...put, ...put].toSorted());
    expect(controllers.leases.read({ group: "audit" }).groups).toEqual(["billing", "audit"]);
  });
});

describe("a worker that is cut off from the controllers", () => {
  test("for less than a lease goes on, and repeats nothing", async () => {
    const one = worker();
    await after(1_000);
    one.isCutOff = true;
    await putSome(20);
    await after(LEASE_MS * 0.6);
    one.isCutOff = false;
    await putSome(20);
    await after(LEASE_MS);
    expect(texts().toSorted()).toEqual(put.toSorted());
    expect(delivered.every(isStored)).toBe(true);
  });

  test("for longer, and nobody else took its shards, passes over nothing of what came meanwhile", async () => {
    const one = worker();
    await after(1_000);
    await putSome(20);
    await after(1_000);
    one.isCutOff = true;
    await after(LEASE_MS * 1.2);
    for (let round = 0; round < 5; round++) {
      await putSome(8);
      await after(100);
    }
    one.isCutOff = false;
    await after(LEASE_MS * 3);
    await putSome(8);
    await after(1_000);
    expect(new Set(texts())).toEqual(new Set(put));
    expect(one.shards).toHaveLength(4);
  });

  test("for longer has lost its shards before others take them, hands nothing more out, and its checkpoints are refused", async () => {
    const pages: LeasedPage[] = [];
    const one = worker({ handle: (page) => void pages.push(page) });
    await after(1_000);
    await putSome(20);
    await after(100);
    one.isCutOff = true;
    const lost: string[] = [];
    const two = worker();
    for (let ms = 0; ms < LEASE_MS * 2; ms += 100) {
      await after(100);
      for (const shardId of two.shards) if (one.shards.includes(shardId)) lost.push(shardId);
    }
    expect(lost).toEqual([]);
    expect(one.shards).toEqual([]);
    expect(two.shards).toHaveLength(4);
    const countBefore = by(one).length;
    await putSome(20);
    await after(1_000);
    expect(by(one)).toHaveLength(countBefore);
    const before = [0, 1, 2, 3].map(offsetOf);
    await expect(pages[0]?.checkpoint()).rejects.toMatchObject({ code: "LEASE_LOST" });
    one.isCutOff = false;
    await after(LEASE_MS);
    expect([0, 1, 2, 3].map(offsetOf)).toEqual(before);
    expect([one.shards.length, two.shards.length]).toEqual([2, 2]);
  });

  test("by lost answers stores what it has all the same, and gives back what it has", async () => {
    begin(1);
    const outcomes: string[] = [];
    const handle: HandlePage = (page) =>
      void page.checkpoint().then(
        () => outcomes.push("stored"),
        () => outcomes.push("lost"),
      );
    const one = worker({ handle });
    await after(1_000);
    one.losesNextAnswer = true;
    await putSome(5);
    await after(1_200);
    expect(offsetOf(0)).toBe(6);
    expect(outcomes).toEqual([]); // the worker does not know
    await putSome(5);
    cluster.reshard([0], 2).reveal();
    await after(6_000);
    expect(new Set(outcomes)).toEqual(new Set(["stored"]));
    expect(controllers.leases.lease("billing", 0)).toMatchObject({ done: true, nextOffset: 11 });
    expect(texts()).toEqual(put);
    expect(one.shards).toHaveLength(2);
    one.losesNextAnswer = true;
    await putSome(5);
    await after(1_200);
    await one.stop();
    expect([1, 2].map((number) => controllers.leases.lease("billing", number)?.owner)).toEqual(["", ""]);
    expect(delivered.every(isStored)).toBe(true);
  });

  test("and whose calls hang hands nothing out after its leases are over by its own clock", async () => {
    const one = worker();
    await after(1_000);
    one.isStuck = true;
    await after(LEASE_MS * 1.1);
    await putSome(20);
    await after(1_000);
    expect(delivered).toEqual([]);
    worker();
    await after(LEASE_MS * 1.5);
    expect(texts().toSorted()).toEqual(put.toSorted());
    expect(by(one)).toEqual([]);
  });

  test("and checkpoints too late is refused by the controllers, when its own clock has not told it", async () => {
    begin(1);
    const pages: LeasedPage[] = [];
    const one = worker({ handle: (page) => void pages.push(page), leaseDurationMs: 60_000 });
    await after(1_000);
    await putSome(3);
    await after(100);
    one.isCutOff = true;
    worker();
    await after(LEASE_MS * 2);
    await putSome(3);
    await after(2_000);
    const stored = offsetOf(0);
    expect(stored).toBe(7);
    expect(one.shards).toHaveLength(1);
    const checkpoint = pages[0]?.checkpoint() as Promise<void>;
    one.isCutOff = false;
    await cluster.clock.until(checkpoint);
    await expect(checkpoint).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(offsetOf(0)).toBe(stored);
  });
});

describe("a checkpoint", () => {
  test("resolves when it is stored, with those of all shards in one command a second", async () => {
    let resolved = 0;
    worker({ handle: (page) => void page.checkpoint().then(() => resolved++) });
    await after(2_000);
    const before = controllers.leases.updateCount;
    for (let i = 0; i < 40; i++) {
      await putSome(10);
      await after(100);
    }
    await after(1_500);
    expect(controllers.leases.updateCount - before).toBeLessThanOrEqual(8);
    expect(resolved).toBeGreaterThan(40);
    expect(delivered.every(isStored)).toBe(true);
  });

  test("of one record is where the next worker goes on, exactly", async () => {
    begin(1);
    await putSome(5, "k");
    const one = worker({
      handle: ({ records }) => records.find(({ data }) => String(data) === "record 2")?.checkpoint(),
    });
    await after(2_000);
    await one.stop();
    expect(texts()).toEqual(put);
    delivered.splice(0);
    worker();
    await after(1_000);
    expect(texts()).toEqual(["record 3", "record 4"]);
  });

  test("that is missing when a shard changes hands means that its records come again", async () => {
    await putSome(20);
    const one = worker({ handle: () => undefined });
    await after(2_000);
    await one.stop();
    worker();
    await after(1_000);
    expect(texts().toSorted()).toEqual([...put, ...put].toSorted());
  });
});

describe("a group begins", () => {
  test("with LATEST once for all: nothing is passed over before the first checkpoint, nothing old is read", async () => {
    await putSome(10);
    const one = worker({ from: "LATEST", handle: () => undefined });
    await cluster.clock.until(one.consumer.ready());
    one.kill();
    const fresh = await putSome(10);
    worker({ from: "LATEST" });
    await after(LEASE_MS * 2);
    expect(texts().toSorted()).toEqual(fresh.toSorted());
  });

  test("after closed shards with LATEST, and before their children with TRIM_HORIZON", async () => {
    begin(1);
    await putSome(3);
    cluster.reshard([0], 2).reveal();
    const old = await putSome(3);
    const latest = worker({ from: "LATEST", group: "latest" });
    const all = worker({ group: "all" });
    await cluster.clock.until(Promise.all([latest.consumer.ready(), all.consumer.ready()]));
    const fresh = await putSome(6);
    await after(3_000);
    expect(texts(by(latest)).toSorted()).toEqual(fresh.toSorted());
    expect(texts(by(all)).toSorted()).toEqual([...put].toSorted());
    expect(old).toHaveLength(3);
  });
});

describe("after a reshard", () => {
  test("children wait until their parents are checkpointed to the end", async () => {
    begin(2);
    const held: LeasedPage[] = [];
    let isHolding = true;
    const handle: HandlePage = (page) => void (isHolding ? held.push(page) : page.checkpoint());
    const workers = [worker({ handle }), worker({ handle })];
    await after(LEASE_MS);
    const before = await putSome(20);
    cluster.reshard([0], 2).reveal();
    await after(100);
    const later = await putSome(20);
    await after(LEASE_MS * 2);
    const children = delivered.filter(({ shardId }) => numberOf(shardId) > 1);
    expect(children).toEqual([]);
    isHolding = false;
    for (const page of held) void page.checkpoint();
    await after(1_500);
    expect(controllers.leases.lease("billing", 0)).toMatchObject({ done: true, owner: "" });
    await after(LEASE_MS);
    expect(texts().toSorted()).toEqual([...before, ...later].toSorted());
    expect(workers.map(({ shards }) => shards.length).toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  test("records of a key come in order, through splits and merges and changes of hands", async () => {
    begin(2);
    let newest = worker();
    for (let round = 0; round < 6; round++) {
      await putSome(5, "k");
      const open = (cluster.metadata.streamById(1) as StreamView).openShards.map(({ shard }) => shard.number);
      const [first = 0, second = 0] = open;
      cluster.reshard(round % 2 === 0 ? [first] : [first, second], round % 2 === 0 ? 2 : 1).reveal();
      await putSome(5, "k");
      const next = worker();
      await after(1_500);
      await newest.stop();
      newest = next;
    }
    await after(LEASE_MS);
    const firsts = [...new Set(texts())];
    expect(firsts).toEqual(put);
  });
});

describe("what is no good", () => {
  test("is said at once, or by ready() and the loop when a controller says it", async () => {
    expect(() => worker({ leaseDurationMs: 10 })).toThrow(RangeError);
    expect(() => worker({ checkpointIntervalMs: Number.NaN })).toThrow(RangeError);
    expect(() => worker({ leaseDurationMs: Infinity })).toThrow(RangeError);
    expect(() => worker({ bufferBytes: 0 })).toThrow(RangeError);
    const bad = worker({ from: { timestamp: -1 } });
    const ready = bad.consumer.ready();
    await expect(cluster.clock.until(ready).then(() => ready)).rejects.toMatchObject({ code: "INVALID_POSITION" });
    await expect(bad.ended).rejects.toMatchObject({ code: "INVALID_POSITION" });
    expect(controllers.leases.read({ group: "billing" }).exists).toBe(false);
  });
});

describe("the loop", () => {
  test("that waits for a checkpoint when the group is removed is told that, and not that another worker goes on", async () => {
    let checkpoint: Promise<void> | undefined;
    const removed = worker({ handle: (page) => void (checkpoint = page.checkpoint()), checkpointIntervalMs: LEASE_MS });
    await after(1_000);
    await putSome(1);
    controllers.leases.execute({ removeGroup: { streamId: 1, group: "billing" } }, 1);
    await after(LEASE_MS);
    await expect(checkpoint).rejects.toMatchObject({ code: "GROUP_REMOVED" });
    await expect(removed.ended).rejects.toMatchObject({ code: "GROUP_REMOVED" });
  });

  test("ends with the group, the stream, its signal, and when it is left, which gives the shards back", async () => {
    const removed = worker();
    await after(1_000);
    controllers.leases.execute({ removeGroup: { streamId: 1, group: "billing" } }, 1);
    await after(LEASE_MS);
    await expect(removed.ended).rejects.toMatchObject({ code: "GROUP_REMOVED" });

    const abort = new AbortController();
    const aborted = worker({ signal: abort.signal, group: "aborted" });
    const left = worker({ group: "left", handle: () => Promise.reject(new Error("no good")) });
    await after(1_000);
    expect(left.shards).toHaveLength(4);
    await putSome(1);
    abort.abort();
    await cluster.clock.until(aborted.ended);
    await aborted.ended;
    await cluster.clock.until(left.ended);
    await expect(left.ended).rejects.toThrow("no good");
    for (const group of ["left", "aborted"]) {
      expect(controllers.leases.lease(group, 0), group).toMatchObject({ owner: "", nextOffset: 0 });
    }

    const orphan = worker({ group: "orphan" });
    await after(1_000);
    cluster.metadata.apply(deltaUpdate(cluster.metadata.version + 1, { removedStreamIds: [1] }));
    await cluster.clock.until(orphan.ended);
    await expect(orphan.ended).rejects.toMatchObject({ code: "STREAM_NOT_FOUND" });
  });
});
