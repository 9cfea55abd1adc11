import {
  encodeThrottled,
  parseSequenceNumber,
  readBatchHeader,
  recordsOf,
  RequestKind,
  ShardLogStatus,
} from "@millrace/proto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StreamView } from "../stream-view.ts";
import { settle } from "../testing/manual-clock.ts";
import type { ScriptedRequest } from "../testing/scripted-replica.ts";
import { GROUP, SimulatedCluster } from "../testing/simulated-cluster.ts";
import { Producer, type ProducerOptions } from "./producer.ts";

let cluster: SimulatedCluster;
let producer: Producer;

function begin(options: ProducerOptions = {}, shardCount = 1): void {
  cluster = new SimulatedCluster({ shardCount });
  producer = new Producer(cluster.metadata.streamById(1) as StreamView, cluster, options);
}

beforeEach(() => begin());
afterEach(() => cluster.router.close());

const record = (text: string, partitionKey = "key") => ({ partitionKey, data: Buffer.from(text) });

/** What a shard holds, a batch a list. */
function batchesOf(shardNumber: number): string[][] {
  const batches = cluster.logs.get(GROUP + shardNumber)?.batches ?? [];
  return batches.map((batch) => [...recordsOf(batch, 0, readBatchHeader(batch))].map(({ data }) => data.toString()));
}

const textsIn = (shardNumber: number): string[] => batchesOf(shardNumber).flat();

function refuseAppends(status: number, body?: Buffer): void {
  const answer = body === undefined ? { status } : { status, body };
  cluster.replica("a").script = ({ kind }: ScriptedRequest) => (kind === RequestKind.append ? answer : "serve");
}

describe("put", () => {
  test("answers with the shard and the sequence number", async () => {
    const puts = [producer.put(record("one")), producer.put(record("two"))];
    await cluster.clock.until(Promise.all(puts));
    const [first, second] = await Promise.all(puts);
    expect(first?.shardId).toBe("shardId-000000000000");
    expect(parseSequenceNumber(first?.sequenceNumber ?? "")).toMatchObject({ shardNumber: 0, index: 1n });
    expect(parseSequenceNumber(second?.sequenceNumber ?? "")).toMatchObject({ shardNumber: 0, index: 2n });
  });

  test("goes to the shard that owns the key, or the explicit hash key", async () => {
    begin({}, 4);
    const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
    const view = cluster.metadata.streamById(1) as StreamView;
    const last = view.shards[3]?.endingHashKey ?? 0n;
    const puts = Promise.all([
      ...keys.map((key) => producer.put(record(key, key))),
      producer.put({ ...record("explicit"), explicitHashKey: last }),
      producer.put({ ...record("explicit text"), explicitHashKey: last.toString() }),
    ]);
    await cluster.clock.until(puts);
    expect((await puts).slice(-2).map(({ shardId }) => shardId)).toEqual(Array(2).fill("shardId-000000000003"));
    expect([0, 1, 2, 3].map((shard) => textsIn(shard).length).every((count) => count > 2)).toBe(true);
  });

  test.each([
    ["an empty partition key", { partitionKey: "", data: Buffer.from("x") }],
    ["a long partition key", { partitionKey: "k".repeat(257), data: Buffer.from("x") }],
    ["a large record", { partitionKey: "k", data: Buffer.alloc(1_048_576) }],
    ["a hash key out of range", { partitionKey: "k", data: Buffer.from("x"), explicitHashKey: 2n ** 128n }],
  ])("refuses %s, and nothing else", async (_name, bad) => {
    await expect(producer.put(bad)).rejects.toMatchObject({ code: "INVALID_RECORD" });
    await cluster.clock.until(producer.put(record("good")));
    expect(textsIn(0)).toEqual(["good"]);
    expect(producer.inFlightBytes).toBe(0);
  });

  test("of a deleted stream is refused", async () => {
    cluster.update((stream) => ({ ...stream, status: "DELETING" }));
    await expect(producer.put(record("x"))).rejects.toMatchObject({ code: "STREAM_NOT_FOUND" });
  });
});

describe("batches", () => {
  test("hold what comes within the linger time", async () => {
    begin({ lingerMs: 20 });
    const first = producer.put(record("one"));
    await cluster.clock.advance(10);
    const second = producer.put(record("two"));
    await cluster.clock.until(Promise.all([first, second]));
    const third = producer.put(record("three"));
    await cluster.clock.until(third);
    expect(batchesOf(0)).toEqual([["one", "two"], ["three"]]);
  });

  test("without linger hold what one turn puts", async () => {
    begin({ lingerMs: 0 });
    const puts = Promise.all(["one", "two"].map((text) => producer.put(record(text))));
    await settle();
    const third = producer.put(record("three"));
    await cluster.clock.until(Promise.all([puts, third]));
    expect(batchesOf(0)).toEqual([["one", "two"], ["three"]]);
  });

  test("are sent when they are full, one at a time", async () => {
    begin({ lingerMs: 60_000, batchBytes: 1_000 });
    const puts = Promise.all(Array.from({ length: 10 }, (_, i) => producer.put(record(`${i}`.repeat(300)))));
    await cluster.clock.advance(100);
    expect(batchesOf(0).map((batch) => batch.length)).toEqual([3, 3, 3]);
    await cluster.clock.until(Promise.all([puts, producer.flush()]));
    expect(textsIn(0)).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`.repeat(300)));
  });

  test("that are repeated are stored once, and not overtaken", async () => {
    begin({ lingerMs: 0 });
    let cuts = 0;
    cluster.replica("a").script = ({ kind }) => (kind === RequestKind.append && cuts++ < 2 ? "serve and cut" : "serve");
    const first = producer.put(record("one"));
    await settle();
    const second = producer.put(record("two"));
    await cluster.clock.until(Promise.all([first, second]));
    expect(batchesOf(0)).toEqual([["one"], ["two"]]);
    expect(cuts).toBeGreaterThan(2);
  });

  test("larger than the rest of the quota wait for it", async () => {
    let refusals = 0;
    cluster.update((stream) => ({ ...stream, mode: "PROVISIONED" }));
    cluster.replica("a").script = ({ kind }) =>
      kind === RequestKind.append && refusals++ < 3
        ? { status: ShardLogStatus.throttled, body: encodeThrottled({ recordsAvailable: 0, bytesAvailable: 0 }) }
        : "serve";
    const put = producer.put(record("one"));
    const tookMs = await cluster.clock.until(put);
    await expect(put).resolves.toBeDefined();
    expect(tookMs).toBeGreaterThan(60);
  });

  test("that stay throttled, or without a leader, fail when their time is over", async () => {
    begin({ deliveryTimeoutMs: 2_000 });
    refuseAppends(ShardLogStatus.throttled, encodeThrottled({ recordsAvailable: 0, bytesAvailable: 0 }));
    const throttled = producer.put(record("one"));
    await cluster.clock.until(throttled);
    await expect(throttled).rejects.toMatchObject({ code: "SHARD_THROTTLED", written: "no" });
    cluster.lead(undefined);
    const leaderless = producer.put(record("two"));
    const tookMs = await cluster.clock.until(leaderless);
    await expect(leaderless).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE", written: "no" });
    expect(tookMs).toBeGreaterThan(1_900);
    expect(tookMs).toBeLessThan(2_100);
    expect(producer.inFlightBytes).toBe(0);
    cluster.lead("b");
    await cluster.clock.until(producer.put(record("three")));
    expect(textsIn(0)).toEqual(["three"]);
  });
});

describe("backpressure", () => {
  test("refuses above the bound, and ready() resolves for one at a time when there is room", async () => {
    begin({ inFlightBytes: 1_000 });
    const large = (text: string) => record(text.repeat(600));
    const puts = [producer.put(large("1")), producer.put(large("2"))];
    await expect(producer.put(large("3"))).rejects.toMatchObject({ code: "PRODUCER_FULL" });
    let refused = 0;
    const later = Promise.all(
      ["4", "5", "6", "7"].map(async (text) => {
        await producer.ready();
        await producer.put(large(text)).catch(() => refused++);
      }),
    );
    await cluster.clock.until(Promise.all([...puts, later]));
    expect(refused).toBe(0);
    expect(textsIn(0).map((text) => text[0])).toEqual(["1", "2", "4", "5", "6", "7"]);
    expect(producer.inFlightBytes).toBe(0);
  });

  test("paces putAll, which tells each record's outcome in order", async () => {
    begin({ inFlightBytes: 2_000 }, 3);
    const records = Array.from({ length: 100 }, (_, i) => record(`${i}`.padEnd(100), i === 50 ? "" : `key-${i}`));
    const all = producer.putAll(records);
    await cluster.clock.until(all);
    const outcomes = await all;
    expect(outcomes.length).toBe(100);
    expect(outcomes[50]?.error).toMatchObject({ code: "INVALID_RECORD" });
    expect(outcomes.filter(({ result }) => result !== undefined).length).toBe(99);
    expect([0, 1, 2].flatMap(textsIn).length).toBe(99);
  });
});

describe("flush and close", () => {
  test("flush waits for what was put before it, failures included, and for nothing after", async () => {
    begin({ lingerMs: 60_000, deliveryTimeoutMs: 500 }, 2);
    expect(await cluster.clock.until(producer.flush())).toBe(0);
    const keys = Array.from({ length: 8 }, (_, i) => `key-${i}`);
    const before = Promise.all(keys.map((key) => producer.put(record(key, key))));
    const flushed = producer.flush();
    const after = producer.put(record("after"));
    await cluster.clock.until(flushed);
    expect((await before).length).toBe(8);
    expect([0, 1].flatMap(textsIn).length).toBe(8);
    cluster.lead(undefined);
    const outcome = expect(after).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE" });
    await cluster.clock.until(producer.flush());
    await outcome;
  });

  test("refuses bounds that would hold everything up, and times that no timer has", () => {
    const bad: ProducerOptions[] = [
      ...[{ inFlightBytes: 0 }, { inFlightBytes: Number.NaN }, { batchBytes: -1 }, { lingerMs: -1 }],
      ...[{ lingerMs: Infinity }, { deliveryTimeoutMs: 0 }, { deliveryTimeoutMs: Infinity }],
    ];
    for (const options of bad) expect(() => begin(options), JSON.stringify(options)).toThrow(RangeError);
  });

  test("close sends what is there and refuses what comes, abandon gives up", async () => {
    begin({ lingerMs: 60_000 });
    const put = producer.put(record("one"));
    const closed = producer.close();
    await expect(producer.put(record("two"))).rejects.toMatchObject({ code: "PRODUCER_CLOSED" });
    await expect(producer.ready()).rejects.toMatchObject({ code: "PRODUCER_CLOSED" });
    await cluster.clock.until(closed);
    await put;
    begin();
    cluster.lead(undefined);
    const lost = producer.put(record("three"));
    const outcome = expect(lost).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE", reason: "aborted" });
    await cluster.clock.advance(50);
    expect(await cluster.clock.until(producer.abandon())).toBeLessThan(100);
    await outcome;
  });
});

describe("reshard", () => {
  test("takes what was on its way to a closed shard to its children, in order", async () => {
    begin({ lingerMs: 0, batchBytes: 300 });
    const keys = ["a", "b", "c", "d", "e"];
    cluster.replica("a").script = ({ kind }) => (kind === RequestKind.append ? "hang" : "serve");
    const puts: Promise<unknown>[] = [];
    const putRound = (round: number): void => {
      for (const key of keys) puts.push(producer.put(record(`${key}${round}`, key)));
    };
    for (let round = 0; round < 20; round++) putRound(round);
    await cluster.clock.advance(10);
    const { children, reveal } = cluster.reshard([0], 2);
    cluster.lead("b");
    await cluster.clock.advance(1_500);
    putRound(20); // still to the parent, as far as we know
    await cluster.clock.advance(100);
    reveal();
    putRound(21);
    await cluster.clock.until(Promise.all(puts));
    expect(textsIn(0)).toEqual([]);
    const texts = children.flatMap(textsIn);
    for (const key of keys) {
      expect(texts.filter((text) => text.startsWith(key))).toEqual(Array.from({ length: 22 }, (_, i) => `${key}${i}`));
    }
    expect(producer.inFlightBytes).toBe(0);
  });

  test("of children of children keeps the order too", async () => {
    begin({ lingerMs: 0 });
    cluster.lead(undefined);
    const puts = [producer.put(record("1"))];
    await cluster.clock.advance(10);
    const first = cluster.reshard([0], 2);
    first.reveal();
    puts.push(producer.put(record("2")));
    await cluster.clock.advance(10);
    const second = cluster.reshard(first.children, 1);
    second.reveal();
    puts.push(producer.put(record("3")));
    cluster.lead("c");
    await cluster.clock.until(Promise.all(puts));
    expect(second.children.flatMap(textsIn)).toEqual(["1", "2", "3"]);
  });
});
