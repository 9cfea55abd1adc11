import { encodeThrottled, readBatchHeader, RequestKind, sealBatch, ShardLogStatus } from "@millrace/proto";
import { realWorld, silentLogger } from "@millrace/util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ClusterMetadata } from "./metadata.ts";
import { createShardRouter, type ClosableShardRouter } from "./router.ts";
import { brokerOf, deltaUpdate, fullUpdate, streamOf } from "./testing/metadata-fixtures.ts";
import { ScriptedBroker } from "./testing/scripted-broker.ts";
import { follows, type ScriptedRequest } from "./testing/scripted-replica.ts";
import { SharedLog } from "./testing/shared-log.ts";

const GROUP = 100;
const { clock, random } = realWorld();
const OPTIONS = { timeoutMs: 8_000, quotas: false };

let logs: Map<number, SharedLog>;
let brokers: ScriptedBroker[];
let a: ScriptedBroker;
let b: ScriptedBroker;
let c: ScriptedBroker;
let metadata: ClusterMetadata;
let router: ClosableShardRouter;

beforeEach(async () => {
  logs = new Map([[GROUP, new SharedLog()]]);
  [a, b, c] = brokers = ["a", "b", "c"].map((nodeId) => new ScriptedBroker(nodeId, logs)) as [
    ScriptedBroker,
    ScriptedBroker,
    ScriptedBroker,
  ];
  for (const broker of brokers) await broker.start();
  metadata = new ClusterMetadata({ clock });
  const addresses = brokers.map((broker) => brokerOf(broker.nodeId, broker.address));
  metadata.apply(fullUpdate(1, [streamOf(1, "orders")], addresses));
  router = createShardRouter({ metadata, clock, random, logger: silentLogger });
  makeLeader(a);
});

afterEach(() => {
  router.close();
  for (const broker of brokers) broker.stop();
});

/** The others redirect to it. */
function makeLeader(leader: ScriptedBroker | undefined): void {
  for (const broker of brokers) broker.script = broker === leader ? () => "serve" : follows(leader?.nodeId);
}

let batchNumber = 0;
function batchOf(sizeBytes = 100): Buffer {
  const batch = Buffer.alloc(64 + 7 + sizeBytes);
  batch.writeUInt32LE(sizeBytes, 64);
  batch[64 + 6] = 2;
  const batchId = Buffer.alloc(16);
  batchId.writeUInt32LE(++batchNumber);
  sealBatch(batch, { flags: 0, recordCount: 1, userBytes: sizeBytes, batchId });
  return batch;
}

/** Without the questions for the leader. */
function appendsAt(broker: ScriptedBroker): ScriptedRequest[] {
  return broker.requests.filter((request) => request.kind === RequestKind.append);
}

function stored(): SharedLog {
  return logs.get(GROUP) as SharedLog;
}

describe("append", () => {
  test("goes to the first replica when nothing else is known, and answers with the offset", async () => {
    const result = await router.append(GROUP, batchOf(), OPTIONS);
    expect(result).toMatchObject({ baseOffset: 1, recordCount: 1 });
    expect(b.requests.length + c.requests.length).toBe(0);
  });

  test("follows a redirect and remembers the leader", async () => {
    makeLeader(c);
    await router.append(GROUP, batchOf(), OPTIONS);
    await router.append(GROUP, batchOf(), OPTIONS);
    expect([a.requests.length, b.requests.length, c.requests.length]).toEqual([1, 0, 2]);
  });

  test("asks the other replicas while there is no leader", async () => {
    makeLeader(undefined);
    const appended = router.append(GROUP, batchOf(), OPTIONS);
    await vi.waitFor(() => expect(c.requests.length).toBeGreaterThan(1));
    makeLeader(b);
    await expect(appended).resolves.toMatchObject({ baseOffset: 1 });
  });

  test("coalesces what one turn of the event loop asks for, and answers all of it", async () => {
    const results = await Promise.all(Array.from({ length: 500 }, () => router.append(GROUP, batchOf(), OPTIONS)));
    expect(new Set(results.map((result) => result.baseOffset)).size).toBe(500);
    expect(stored().batches.length).toBe(500);
  });

  test("that lost its connection after the write is repeated with the same batch id and stored once", async () => {
    let cuts = 0;
    a.script = () => (cuts++ === 0 ? "serve and cut" : "serve");
    const result = await router.append(GROUP, batchOf(), OPTIONS);
    expect(result.baseOffset).toBe(1);
    expect(stored().batches.length).toBe(1);
    const ids = brokers.flatMap((broker) => appendsAt(broker).map((request) => request.batchId));
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids).size).toBe(1);
  });

  test("many in flight over a broker that dies are each stored once", async () => {
    let seen = 0;
    a.script = () => {
      if (++seen < 50) return "serve";
      setImmediate(() => {
        a.stop();
        makeLeader(b);
        c.script = follows("b");
      });
      return "hang";
    };
    const appends = Array.from({ length: 200 }, () => router.append(GROUP, batchOf(), OPTIONS));
    const offsets = (await Promise.all(appends)).map((result) => result.baseOffset);
    expect(new Set(offsets).size).toBe(200);
    expect(stored().batches.length).toBe(200);
  });

  test("whose leader hangs goes to the next leader well before the deadline", async () => {
    a.script = () => "hang";
    b.script = follows("c");
    c.script = () => "serve";
    const startedAt = performance.now();
    await router.append(GROUP, batchOf(), { ...OPTIONS, timeoutMs: 20_000 });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    // The next call does not even try the hung one.
    const before = a.requests.length;
    await router.append(GROUP, batchOf(), OPTIONS);
    expect(a.requests.length).toBe(before);
  });

  test("ends as unknown when an attempt was on its way at the deadline", async () => {
    for (const broker of brokers) broker.script = () => "hang";
    const appended = router.append(GROUP, batchOf(), { ...OPTIONS, timeoutMs: 200 });
    await expect(appended).rejects.toMatchObject({ code: "APPEND_OUTCOME_UNKNOWN", written: "perhaps" });
  });

  test("ends as unavailable, nothing written, when nobody could be reached", async () => {
    for (const broker of brokers) broker.stop();
    const appended = router.append(GROUP, batchOf(), { ...OPTIONS, timeoutMs: 300 });
    await expect(appended).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE", written: "no" });
  });

  test("passes the quota's refusal on with what is left of it", async () => {
    a.script = () => ({
      status: ShardLogStatus.throttled,
      body: encodeThrottled({ recordsAvailable: 3, bytesAvailable: 4_000 }),
    });
    const appended = router.append(GROUP, batchOf(), { ...OPTIONS, quotas: true });
    await expect(appended).rejects.toMatchObject({
      code: "SHARD_THROTTLED",
      recordsAvailable: 3,
      bytesAvailable: 4_000,
    });
  });

  test("says that the shard is closed", async () => {
    stored().closed = true;
    await expect(router.append(GROUP, batchOf(), OPTIONS)).rejects.toMatchObject({ code: "SHARD_CLOSED" });
  });

  test.each([
    ["overloaded", ShardLogStatus.overloaded],
    ["diskFull", ShardLogStatus.diskFull],
    ["unknown", ShardLogStatus.unknown],
    ["unknownGroup", ShardLogStatus.unknownGroup],
  ])("is repeated after %s", async (_name, status) => {
    let refusals = 0;
    for (const broker of brokers) broker.script = () => (refusals++ < 4 ? { status } : "serve");
    await expect(router.append(GROUP, batchOf(), OPTIONS)).resolves.toMatchObject({ baseOffset: 1 });
    expect(stored().batches.length).toBe(1);
  });

  test("to a group that the metadata lost is gone, at once", async () => {
    metadata.apply(deltaUpdate(2, { removedStreamIds: [1] }));
    await expect(router.append(GROUP, batchOf(), OPTIONS)).rejects.toMatchObject({ code: "SHARD_GONE", written: "no" });
  });

  test("to a group that the metadata loses meanwhile is gone", async () => {
    for (const broker of brokers) broker.script = () => ({ status: ShardLogStatus.unknownGroup });
    const appended = router.append(GROUP, batchOf(), OPTIONS);
    await vi.waitFor(() => expect(a.requests.length).toBeGreaterThan(0));
    metadata.apply(deltaUpdate(2, { removedStreamIds: [1] }));
    await expect(appended).rejects.toMatchObject({ code: "SHARD_GONE" });
  });

  test("to a group that is newer than the metadata waits for it", async () => {
    logs.set(700, new SharedLog());
    const appended = router.append(700, batchOf(), OPTIONS);
    metadata.apply(deltaUpdate(2, { streams: [streamOf(7, "new")] }));
    await expect(appended).resolves.toMatchObject({ baseOffset: 1 });
  });

  test("ends soon after its signal aborts, and leaves no listener on it", async () => {
    for (const broker of brokers) broker.script = () => "hang";
    const abort = new AbortController();
    const listen = vi.spyOn(abort.signal, "addEventListener");
    const appended = router.append(GROUP, batchOf(), { ...OPTIONS, signal: abort.signal });
    await vi.waitFor(() => expect(a.requests.length).toBe(1));
    abort.abort();
    await expect(appended).rejects.toMatchObject({ code: "APPEND_OUTCOME_UNKNOWN", reason: "aborted" });
    expect(listen).not.toHaveBeenCalled();
  });

  test("above the bound on bytes in flight waits its turn", async () => {
    router.close();
    router = createShardRouter({ metadata, clock, random, logger: silentLogger, inFlightBytesMax: 300_000 });
    const appends = Array.from({ length: 10 }, () => router.append(GROUP, batchOf(100_000), OPTIONS));
    const offsets = (await Promise.all(appends)).map((result) => result.baseOffset);
    expect(offsets.sort((x, y) => x - y)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("above the bound for the whole time is unavailable, nothing written", async () => {
    router.close();
    router = createShardRouter({ metadata, clock, random, logger: silentLogger, inFlightBytesMax: 1_000 });
    a.script = (request) => (request.kind === RequestKind.append ? "hang" : "serve");
    const first = router.append(GROUP, batchOf(900), { ...OPTIONS, timeoutMs: 900 });
    const outcome = expect(first).rejects.toMatchObject({ code: "APPEND_OUTCOME_UNKNOWN" });
    await vi.waitFor(() => expect(appendsAt(a).length).toBe(1));
    const refused = router.append(GROUP, batchOf(900), { ...OPTIONS, timeoutMs: 200 });
    await expect(refused).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE", reason: "overloaded" });
    await outcome;
  });
});

describe("a broker", () => {
  test("that comes back is used again", async () => {
    await router.append(GROUP, batchOf(), OPTIONS);
    a.stop();
    const appended = router.append(GROUP, batchOf(), OPTIONS);
    await a.start();
    await expect(appended).resolves.toMatchObject({ baseOffset: 2 });
  });

  test("that is stopped while it leads, connections standing, holds calls up for about a second", async () => {
    await router.append(GROUP, batchOf(), OPTIONS);
    a.freeze();
    makeLeader(b);
    c.script = follows("a"); // it has not heard of the election yet
    const startedAt = performance.now();
    await expect(router.append(GROUP, batchOf(), OPTIONS)).resolves.toMatchObject({ baseOffset: 2 });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  test("that is stopped before we connect does not hold calls up for longer", async () => {
    a.freeze();
    makeLeader(b);
    const startedAt = performance.now();
    await expect(router.append(GROUP, batchOf(), OPTIONS)).resolves.toMatchObject({ baseOffset: 1 });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

describe("read and locate", () => {
  test("return what was appended", async () => {
    await router.append(GROUP, batchOf(10), OPTIONS);
    await router.append(GROUP, batchOf(20), OPTIONS);
    const request = { groupId: GROUP, fromOffset: 1, bytesMax: 10_000, quotas: false, anyReplica: false };
    const result = await router.read(request, OPTIONS);
    expect(result).toMatchObject({ startOffset: 1, endOffset: 3, closed: false });
    expect(readBatchHeader(result.batches).recordCount).toBe(1);
    const tail = await router.locate({ groupId: GROUP, target: "tail", timeMs: 0 }, OPTIONS);
    expect(tail.offset).toBe(3);
  });

  test("a damaged replica is passed over", async () => {
    await router.append(GROUP, batchOf(10), OPTIONS);
    a.script = () => ({ status: ShardLogStatus.corrupt });
    b.script = (request) => (request.anyReplica ? "serve" : { status: ShardLogStatus.notLeader });
    const request = { groupId: GROUP, fromOffset: 1, bytesMax: 10_000, quotas: false, anyReplica: false };
    await expect(router.read(request, OPTIONS)).resolves.toMatchObject({ endOffset: 2 });
  });

  test("a read that nobody answers is unavailable", async () => {
    for (const broker of brokers) broker.script = () => "hang";
    const request = { groupId: GROUP, fromOffset: 1, bytesMax: 10_000, quotas: false, anyReplica: false };
    await expect(router.read(request, { timeoutMs: 200 })).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE" });
  });
});
