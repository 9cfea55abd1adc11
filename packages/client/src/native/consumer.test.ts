import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StreamView } from "../stream-view.ts";
import { deltaUpdate } from "../testing/metadata-fixtures.ts";
import { GROUP, SimulatedCluster } from "../testing/simulated-cluster.ts";
import { Consumer, type ConsumerOptions } from "./consumer.ts";
import { Producer } from "./producer.ts";
import type { StartPosition } from "./start-position.ts";

let cluster: SimulatedCluster;
let producer: Producer;

function begin(shardCount = 1): void {
  cluster = new SimulatedCluster({ shardCount });
  producer = new Producer(view(), cluster, { lingerMs: 0 });
}

beforeEach(() => begin());
afterEach(() => cluster.router.close());

const view = (): StreamView => cluster.metadata.streamById(1) as StreamView;

async function put(text: string, partitionKey = text): Promise<string> {
  const stored = producer.put({ partitionKey, data: Buffer.from(text) });
  await cluster.clock.until(stored);
  return (await stored).sequenceNumber;
}

/** Takes records in the background. */
function consume(options: ConsumerOptions) {
  const consumer = new Consumer(view(), cluster, options);
  const texts: string[] = [];
  const run = async (): Promise<void> => {
    for await (const { records } of consumer) texts.push(...records.map(({ data }) => data.toString()));
  };
  const ended = run();
  ended.catch(() => undefined);
  return { consumer, texts, ended };
}

const settled = (ms = 50): Promise<void> => cluster.clock.advance(ms);

describe("a start position", () => {
  const all = ["one", "two", "three", "four"];

  async function from(position: (numbers: readonly string[], timeMs: number) => StartPosition): Promise<string[]> {
    const numbers: string[] = [];
    let timeMs = 0;
    for (const text of all) {
      await cluster.clock.advance(1_000);
      if (text === "three") timeMs = cluster.clock.nowMs();
      numbers.push(await put(text));
    }
    const { texts, consumer } = consume({ from: position(numbers, timeMs) });
    await cluster.clock.until(consumer.ready());
    await put("five");
    await settled();
    consumer.close();
    return texts;
  }

  test("TRIM_HORIZON begins with the oldest record", async () => {
    expect(await from(() => "TRIM_HORIZON")).toEqual([...all, "five"]);
  });

  test("LATEST begins with what is put once it is ready", async () => {
    expect(await from(() => "LATEST")).toEqual(["five"]);
  });

  test("a timestamp begins with what arrived then", async () => {
    expect(await from((_numbers, timeMs) => ({ timestamp: new Date(timeMs) }))).toEqual(["three", "four", "five"]);
  });

  test("a sequence number begins at it, or after it", async () => {
    expect(await from(([, second = ""]) => ({ atSequenceNumber: second }))).toEqual(["two", "three", "four", "five"]);
    begin();
    expect(await from(([, second = ""]) => ({ afterSequenceNumber: second }))).toEqual(["three", "four", "five"]);
  });

  test("that is of another stream or none is refused", async () => {
    const number = await put("one");
    cluster.update((stream) => ({ ...stream, shards: stream.shards.map((shard) => ({ ...shard, createdAtS: 9 })) }));
    for (const afterSequenceNumber of [number, "12", "x"]) {
      const position = { afterSequenceNumber };
      expect(() => new Consumer(view(), cluster, { from: position })).toThrow(
        expect.objectContaining({ code: "INVALID_POSITION" }),
      );
    }
  });
});

describe("a record", () => {
  test("has its key, data, arrival time and number", async () => {
    const sequenceNumber = await put("one", "key");
    const { consumer } = consume({ from: "TRIM_HORIZON" });
    consumer.close();
    const second = new Consumer(view(), cluster, { from: "TRIM_HORIZON" });
    const records = second.records();
    const first = records.next();
    await cluster.clock.until(first);
    const { value } = await first;
    expect(value).toMatchObject({ shardId: "shardId-000000000000", sequenceNumber, offset: 1, partitionKey: "key" });
    expect(value?.data.toString()).toBe("one");
    expect(value?.arrivalTimeMs).toBeGreaterThan(1_600_000_000_000);
    await records.return();
  });
});

describe("shards", () => {
  test("are read side by side", async () => {
    begin(3);
    const { texts, consumer } = consume({ from: "TRIM_HORIZON" });
    const expected = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    for (const text of expected) await put(text);
    await settled();
    expect(texts.toSorted()).toEqual(expected.toSorted());
    consumer.close();
  });

  test("that a reshard makes follow when their parents are read to the end", async () => {
    begin(2);
    const { texts, consumer } = consume({ from: "TRIM_HORIZON" });
    await put("1", "k");
    const split = cluster.reshard([0], 2);
    split.reveal();
    await put("2", "k");
    const merge = cluster.reshard([split.children[1] ?? 0, 1], 1);
    merge.reveal();
    await put("3", "k");
    await put("x", "x");
    await put("4", "k");
    await settled();
    expect(texts.filter((text) => text !== "x")).toEqual(["1", "2", "3", "4"]);
    expect(consumer.checkpoint()).toMatchObject({ "shardId-000000000000": "SHARD_END" });
    consumer.close();
    const again = consume({ from: "TRIM_HORIZON" });
    await settled();
    expect(again.texts.filter((text) => text !== "x")).toEqual(["1", "2", "3", "4"]);
    again.consumer.close();
  });

  test("are followed from one sequence number into its descendants only", async () => {
    begin(2);
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    for (const key of keys) await put(key);
    const mine = cluster.logs.get(GROUP)?.endOffset ?? 0;
    const first = (await put("first", "a")) && view().shards[0];
    expect(first).toBeDefined();
    const reader = consume({ from: "TRIM_HORIZON" });
    await settled();
    const number = Object.entries(reader.consumer.checkpoint()).find(([id]) => id === "shardId-000000000000")?.[1];
    reader.consumer.close();
    cluster.reshard([0], 2).reveal();
    cluster.reshard([1], 2).reveal();
    const { texts, consumer } = consume({ from: { afterSequenceNumber: number ?? "" } });
    const more = Array.from({ length: 20 }, (_, i) => `more-${i}`);
    for (const key of more) await put(key);
    await settled();
    const owned = [2, 3].flatMap((shard) => cluster.logs.get(GROUP + shard)?.batches ?? []).length;
    expect(mine).toBeGreaterThan(1);
    expect(texts.length).toBe(owned);
    expect(texts.every((text) => text.startsWith("more"))).toBe(true);
    consumer.close();
  });
});

describe("a checkpoint", () => {
  test("taken after each record loses and repeats nothing, across a reshard", async () => {
    begin(2);
    const texts: string[] = [];
    let checkpoint: Record<string, string> = {};
    let written = 0;
    const putSome = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await put(`key-${written++}`);
    };
    await putSome(10);
    for (let round = 0; round < 8; round++) {
      const consumer = new Consumer(view(), cluster, { from: { checkpoint } });
      const records = consumer.records();
      for (let i = 0; i < 4; i++) {
        const next = records.next();
        await cluster.clock.until(next);
        texts.push((await next).value?.data.toString() ?? "");
      }
      checkpoint = { ...consumer.checkpoint() };
      await records.return();
      if (round === 2) cluster.reshard([0], 2).reveal();
      if (round === 4) cluster.reshard([1, 3], 1).reveal();
      await putSome(4);
    }
    expect(new Set(texts).size).toBe(32);
    const rest = consume({ from: { checkpoint } });
    await settled();
    rest.consumer.close();
    expect([...texts, ...rest.texts].toSorted()).toEqual(
      Array.from({ length: written }, (_, i) => `key-${i}`).toSorted(),
    );
  });

  test("of one that has read nothing is where it began", async () => {
    begin(2);
    for (let i = 0; i < 10; i++) await put(`key-${i}`);
    const first = new Consumer(view(), cluster, { from: "LATEST" });
    await cluster.clock.until(first.ready());
    const checkpoint = first.checkpoint();
    first.close();
    await put("new");
    const { texts, consumer } = consume({ from: { checkpoint } });
    await settled();
    expect(texts).toEqual(["new"]);
    consumer.close();
  });

  test("does not call a shard done while its last page is being read", async () => {
    await put("one");
    await put("two");
    cluster.reshard([0], 2).reveal();
    const consumer = new Consumer(view(), cluster, { from: "TRIM_HORIZON" });
    const records = consumer.records();
    const first = records.next();
    await cluster.clock.until(first);
    await settled();
    expect(consumer.checkpoint()).toEqual({ "shardId-000000000000": (await first).value?.sequenceNumber });
    await records.return();
  });

  test.each(["is left", "fails"])(
    "of a loop that %s within a shard's last page is the record it stood at",
    async (end) => {
      const records = ["one", "two", "three"].map((text) => ({ partitionKey: "k", data: Buffer.from(text) }));
      await cluster.clock.until(producer.putAll(records)); // one page
      cluster.reshard([0], 2).reveal();
      const consumer = new Consumer(view(), cluster, { from: "TRIM_HORIZON" });
      const numbers: string[] = [];
      const loop = (async () => {
        for await (const record of consumer.records()) {
          numbers.push(record.sequenceNumber);
          await cluster.clock.sleep(50); // by then the shard's end is known
          if (numbers.length < 2) continue;
          if (end === "fails") throw new Error("no good");
          return;
        }
      })().catch(() => undefined);
      await cluster.clock.until(loop);
      await settled();
      expect(consumer.checkpoint()).toEqual({ "shardId-000000000000": numbers[1] });
      const rest = consume({ from: { checkpoint: consumer.checkpoint() } });
      await settled();
      rest.consumer.close();
      expect(rest.texts).toEqual(["three"]);
    },
  );
});

describe("a consumer", () => {
  test("loses and repeats nothing over leader changes", async () => {
    const { texts, consumer } = consume({ from: "TRIM_HORIZON" });
    const expected: string[] = [];
    for (let round = 0; round < 12; round++) {
      const leader = "abc"[round % 3] ?? "a";
      if (round % 4 === 3) cluster.network.cut(leader);
      cluster.lead(leader);
      for (let i = 0; i < 5; i++) {
        expected.push(`${round}.${i}`);
        await put(`${round}.${i}`);
      }
    }
    await settled(200);
    expect(texts).toEqual(expected);
    consumer.close();
  });

  test("fetches no more than its buffer and one page a shard while nobody takes them", async () => {
    const text = "x".repeat(1_500); // one record a page
    for (let i = 0; i < 20; i++) await put(text, "k");
    const consumer = new Consumer(view(), cluster, { from: "TRIM_HORIZON", bufferBytes: 1 });
    await settled();
    const pages = consumer[Symbol.asyncIterator]();
    let count = 0;
    for (; count < 20; count++) {
      const page = pages.next();
      await cluster.clock.until(page);
      expect((await page).value?.records.length).toBe(1);
    }
    const none = pages.next();
    await settled();
    consumer.close();
    expect((await none).done).toBe(true);
  });

  test("ends with its stream, its signal, its loop and its client", async () => {
    await put("one");
    const deleted = consume({ from: "TRIM_HORIZON" });
    const abort = new AbortController();
    const aborted = consume({ from: "TRIM_HORIZON", signal: abort.signal });
    const left = new Consumer(view(), cluster, { from: "TRIM_HORIZON" });
    const loop = (async () => {
      for await (const page of left) return page.records.length;
      return 0;
    })();
    await cluster.clock.until(loop);
    expect(await loop).toBe(1);
    abort.abort();
    await cluster.clock.until(aborted.ended);
    await aborted.ended;
    cluster.metadata.apply(deltaUpdate(cluster.metadata.version + 1, { removedStreamIds: [1] }));
    await cluster.clock.until(deleted.ended);
    await expect(deleted.ended).rejects.toMatchObject({ code: "STREAM_NOT_FOUND" });
    begin();
    const orphan = consume({ from: "TRIM_HORIZON" });
    await settled();
    cluster.router.close();
    await cluster.clock.until(orphan.ended);
    await orphan.ended;
  });

  test("refuses a buffer that has no room for any page", () => {
    for (const bufferBytes of [0, Number.NaN]) {
      expect(() => new Consumer(view(), cluster, { bufferBytes })).toThrow(RangeError);
    }
  });

  test("says how far behind it is", async () => {
    for (let i = 0; i < 3; i++) {
      await put("x".repeat(1_500), "k");
      await cluster.clock.advance(1_000);
    }
    const consumer = new Consumer(view(), cluster, { from: "TRIM_HORIZON" });
    const behind: number[] = [];
    const run = (async () => {
      for await (const page of consumer) if (behind.push(page.millisBehindLatest) === 3) return;
    })();
    await cluster.clock.until(run);
    expect(behind[0]).toBeGreaterThan(2_000);
    expect(behind[2]).toBe(0);
  });
});
