import { HASH_KEY_MAX, type MetadataUpdate__Output, type Stream } from "@millrace/proto";
import { realWorld } from "@millrace/util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClusterMetadata } from "./metadata.ts";
import { StreamView } from "./stream-view.ts";
import { ACCOUNT_ID, brokerOf, deltaUpdate, fullUpdate, REGION, streamOf } from "./testing/metadata-fixtures.ts";

const { clock } = realWorld();
const NAMES = ["a", "b", "c", "d", "e"];

/** Everything that a look-up can tell, in one comparable value. */
function contents(metadata: ClusterMetadata): unknown {
  const streams = metadata.streamsOf(ACCOUNT_ID, REGION);
  return {
    version: metadata.version,
    identity: metadata.identity,
    brokers: metadata.brokers,
    streams: streams.map((view) => view.stream),
    count: metadata.streamCount,
    groupCount: metadata.groupCount,
    byName: NAMES.map((name) => metadata.stream(ACCOUNT_ID, REGION, name)?.stream.streamId),
    byId: streams.map((view) => metadata.streamById(view.stream.streamId) === view),
    byGroup: streams.flatMap((view) => view.shards.map((shard) => metadata.shardByGroup(shard.groupId) === shard)),
  };
}

type Step =
  | { type: "put"; name: string; shardCount: number }
  | { type: "remake"; name: string }
  | { type: "remove"; name: string }
  | { type: "brokers"; count: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      type: fc.constant("put" as const),
      name: fc.constantFrom(...NAMES),
      shardCount: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ type: fc.constant("remake" as const), name: fc.constantFrom(...NAMES) }),
    fc.record({ type: fc.constant("remove" as const), name: fc.constantFrom(...NAMES) }),
    fc.record({ type: fc.constant("brokers" as const), count: fc.nat(4) }),
  ),
  { maxLength: 20 },
);

/** The controller's side: what there is, and the update that says what changed. */
class Model {
  readonly streams = new Map<string, Stream>();
  brokers = [brokerOf("a", "127.0.0.1:1")];
  version = 1;
  #nextStreamId = 1;

  step(step: Step): MetadataUpdate__Output {
    this.version++;
    const before = "name" in step ? this.streams.get(step.name) : undefined;
    switch (step.type) {
      case "put":
      case "remake": {
        const isSame = step.type === "put" && before !== undefined;
        const streamId = isSame ? before.streamId : this.#nextStreamId++;
        const shardCount = step.type === "put" ? step.shardCount : 1;
        const stream = streamOf(streamId, step.name, { shardCount });
        this.streams.set(step.name, stream);
        const removedStreamIds = before === undefined || isSame ? [] : [before.streamId];
        return deltaUpdate(this.version, { streams: [stream], removedStreamIds });
      }
      case "remove":
        this.streams.delete(step.name);
        return deltaUpdate(this.version, { removedStreamIds: before === undefined ? [] : [before.streamId] });
      default:
        this.brokers = Array.from({ length: step.count }, (_, index) => brokerOf(`n${index}`, `127.0.0.1:${index}`));
        return deltaUpdate(this.version, { brokers: this.brokers, brokersChanged: true });
    }
  }

  full(): MetadataUpdate__Output {
    return fullUpdate(this.version, [...this.streams.values()], this.brokers);
  }
}

describe("cluster metadata", () => {
  test("from a full update equals the sum of the deltas, also when a full one comes in between", () => {
    fc.assert(
      fc.property(steps, fc.nat(20), (history, fullAt) => {
        const model = new Model();
        const followed = new ClusterMetadata({ clock });
        followed.apply(model.full());
        history.forEach((step, index) => {
          const delta = model.step(step);
          followed.apply(index === fullAt ? model.full() : delta);
          const fresh = new ClusterMetadata({ clock });
          fresh.apply(model.full());
          expect(contents(followed)).toEqual(contents(fresh));
        });
      }),
    );
  });

  test("never goes back to an older version", () => {
    const metadata = new ClusterMetadata({ clock });
    metadata.apply(fullUpdate(5, [streamOf(1, "a")], []));
    expect(metadata.apply(fullUpdate(4, [], []))).toBe(false);
    expect(metadata.apply(deltaUpdate(5, { removedStreamIds: [1] }))).toBe(false);
    expect(metadata.version).toBe(5);
    expect(metadata.streamCount).toBe(1);
  });

  test("what was looked up does not change", () => {
    const metadata = new ClusterMetadata({ clock });
    metadata.apply(fullUpdate(1, [streamOf(1, "a")], []));
    const list = metadata.streamsOf(ACCOUNT_ID, REGION);
    const view = metadata.stream(ACCOUNT_ID, REGION, "a");
    metadata.apply(deltaUpdate(2, { streams: [streamOf(1, "a", { shardCount: 3 }), streamOf(2, "b")] }));
    expect(list.length).toBe(1);
    expect(view?.shards.length).toBe(1);
    expect(metadata.stream(ACCOUNT_ID, REGION, "a")?.shards.length).toBe(3);
  });

  test("tells listeners what changed, until they leave", () => {
    const metadata = new ClusterMetadata({ clock });
    const versions: number[] = [];
    const stop = metadata.onChange((change) => versions.push(change.version));
    metadata.apply(fullUpdate(1, [], []));
    metadata.apply(deltaUpdate(2, {}));
    stop();
    metadata.apply(deltaUpdate(3, {}));
    expect(versions).toEqual([1, 2]);
  });

  test("waits for a version, for a time, or for an abort", async () => {
    const metadata = new ClusterMetadata({ clock });
    const arrives = metadata.waitForVersion(2, 5_000);
    metadata.apply(fullUpdate(1, [], []));
    metadata.apply(deltaUpdate(3, {}));
    await expect(arrives).resolves.toBe(true);
    await expect(metadata.waitForVersion(9, 10)).resolves.toBe(false);
    const abort = new AbortController();
    const aborted = metadata.waitForVersion(9, 5_000, abort.signal);
    abort.abort();
    await expect(aborted).resolves.toBe(false);
  });

  test("remembers what the last thousand streams were called that went", () => {
    const metadata = new ClusterMetadata({ clock });
    const streams = Array.from({ length: 1_001 }, (_, index) => streamOf(index + 1, `s${index + 1}`));
    metadata.apply(fullUpdate(1, streams, []));
    expect(metadata.removedKey(1)).toBeUndefined();
    metadata.apply(deltaUpdate(2, { removedStreamIds: [1] }));
    expect(metadata.removedKey(1)).toEqual({ accountId: ACCOUNT_ID, region: REGION, name: "s1" });
    metadata.apply(fullUpdate(3, [], []));
    expect(metadata.removedKey(1)).toBeUndefined();
    expect(metadata.removedKey(2)?.name).toBe("s2");
  });

  test("deleting a stream whose name is taken again already leaves the new one", () => {
    const metadata = new ClusterMetadata({ clock });
    metadata.apply(fullUpdate(1, [streamOf(1, "a")], []));
    metadata.apply(deltaUpdate(2, { streams: [streamOf(2, "a")] }));
    metadata.apply(deltaUpdate(3, { removedStreamIds: [1] }));
    expect(metadata.stream(ACCOUNT_ID, REGION, "a")?.stream.streamId).toBe(2);
    expect(metadata.streamsOf(ACCOUNT_ID, REGION).map((view) => view.stream.streamId)).toEqual([2]);
    expect(metadata.shardByGroup(100)).toBeUndefined();
  });
});

describe("a stream's routing", () => {
  const hashKeys = fc.bigInt({ min: 0n, max: HASH_KEY_MAX });

  test("finds the one open shard whose range holds the key", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(hashKeys, { maxLength: 20 }), (shardCount, keys) => {
        const view = new StreamView(streamOf(1, "a", { shardCount }));
        const edges = view.shards.flatMap((shard) => [shard.startingHashKey, shard.endingHashKey]);
        for (const key of [...keys, ...edges]) {
          const shard = view.shardForHashKey(key);
          expect(shard).toBe(view.openShards.find((s) => s.startingHashKey <= key && key <= s.endingHashKey));
          expect(shard).toBeDefined();
        }
      }),
    );
  });

  test("passes over closed shards, and finds none in a gap", () => {
    const stream = streamOf(1, "a", { shardCount: 4 });
    const shards = stream.shards.map((shard) => ({ ...shard, closedAtS: shard.number === 2 ? 1 : 0 }));
    const view = new StreamView({ ...stream, shards });
    const [first, , closed, last] = view.shards;
    expect(view.openShards.length).toBe(3);
    expect(view.shardForHashKey(closed?.startingHashKey ?? 0n)).toBeUndefined();
    expect(view.shardForHashKey(0n)).toBe(first);
    expect(view.shardForHashKey(HASH_KEY_MAX)).toBe(last);
    expect(view.shardForHash(0xffff_ffff, 0, 0, 1)).toBe(last);
  });

  test("of a stream without shards finds nothing", () => {
    const view = new StreamView({ ...streamOf(1, "a"), shards: [] });
    expect(view.shardForHashKey(0n)).toBeUndefined();
  });
});
