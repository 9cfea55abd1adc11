import { type ReadResult, RequestKind, ShardLogStatus } from "@millrace/proto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { settle } from "./testing/manual-clock.ts";
import { deltaUpdate } from "./testing/metadata-fixtures.ts";
import { GROUP, SimulatedCluster, textsOf } from "./testing/simulated-cluster.ts";
import { SUBSCRIBE_KIND } from "./testing/scripted-replica.ts";

const OPTIONS = { timeoutMs: 8_000, quotas: false };
const READ = { groupId: GROUP, fromOffset: 1, bytesMax: 10_000, quotas: false, anyReplica: false };

let cluster: SimulatedCluster;

beforeEach(() => {
  cluster = new SimulatedCluster();
});

afterEach(() => cluster.router.close());

function count(nodeId: string, kind: number): number {
  return cluster.replica(nodeId).requests.filter((request) => request.kind === kind).length;
}

async function appendOne(): Promise<void> {
  const appended = cluster.router.append(GROUP, cluster.batch(), OPTIONS);
  await cluster.clock.until(appended);
  await appended;
}

describe("failover", () => {
  test("takes an append to the new leader within a poll interval of its election", async () => {
    await appendOne();
    cluster.lead(undefined, "a"); // the others have not noticed yet
    cluster.network.kill("a");
    const appended = cluster.router.append(GROUP, cluster.batch(), OPTIONS);
    await cluster.clock.advance(300);
    cluster.lead("c");
    expect(await cluster.clock.until(appended)).toBeLessThan(60);
    await expect(appended).resolves.toMatchObject({ baseOffset: 2 });
  });

  test("of what is in flight when the connection closes goes on at once", async () => {
    await appendOne();
    cluster.replica("a").script = () => "hang";
    const appended = cluster.router.append(GROUP, cluster.batch(), OPTIONS);
    await cluster.clock.advance(100);
    cluster.lead("b");
    cluster.network.kill("a");
    expect(await cluster.clock.until(appended)).toBeLessThan(10);
  });

  test("asks for the leader once for all calls that wait, and sends no batch about meanwhile", async () => {
    await appendOne();
    cluster.lead(undefined);
    cluster.network.kill("a");
    const appends = Array.from({ length: 1_000 }, () => cluster.router.append(GROUP, cluster.batch(), OPTIONS));
    await cluster.clock.advance(500);
    for (const nodeId of ["b", "c"]) {
      expect(count(nodeId, RequestKind.append)).toBe(0);
      expect(count(nodeId, RequestKind.read)).toBeGreaterThan(8);
      expect(count(nodeId, RequestKind.read)).toBeLessThan(60);
    }
    cluster.lead("b");
    await cluster.clock.until(Promise.all(appends));
    expect(cluster.log.batches.length).toBe(1_001);
  });

  test("follows a hint to a broker that our metadata does not have among the replicas", async () => {
    cluster.lead("d");
    await appendOne();
    expect(count("d", RequestKind.append)).toBe(1);
    cluster.lead(undefined, "d");
    cluster.network.cut("d");
    const appended = cluster.router.append(GROUP, cluster.batch(), OPTIONS);
    await cluster.clock.advance(200);
    cluster.lead("d");
    await cluster.clock.until(appended);
    expect(cluster.log.batches.length).toBe(2);
  });

  test("is not driven round by two replicas that name each other", async () => {
    cluster.replica("a").script = () => ({ status: ShardLogStatus.notLeader, body: Buffer.from("b") });
    cluster.replica("b").script = () => ({ status: ShardLogStatus.notLeader, body: Buffer.from("a") });
    const appended = cluster.router.append(GROUP, cluster.batch(), { ...OPTIONS, timeoutMs: 2_000 });
    const outcome = expect(appended).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE", reason: "noLeader" });
    await cluster.clock.until(appended);
    await outcome;
    expect(count("a", RequestKind.append) + count("b", RequestKind.append)).toBeLessThan(5);
  });

  test("does not take a silent leader's word against the others'", async () => {
    await appendOne();
    // Cut off from its followers: it answers reads, and its appends never commit.
    cluster.replica("a").script = ({ kind }) => (kind === RequestKind.append ? "hang" : "serve");
    for (const nodeId of ["b", "c"]) {
      cluster.replica(nodeId).script = () => ({ status: ShardLogStatus.notLeader });
    }
    const appended = cluster.router.append(GROUP, cluster.batch(), OPTIONS);
    await cluster.clock.advance(1_300);
    cluster.replica("c").script = () => "serve";
    expect(await cluster.clock.until(appended)).toBeLessThan(60);
    expect(count("a", RequestKind.append)).toBe(2);
  });

  test("stays with a leader that is only slow, when another one says that it leads", async () => {
    await appendOne();
    const { clock } = cluster;
    let isSlow = true;
    cluster.replica("a").script = ({ kind }) => (kind === RequestKind.append && isSlow ? "hang" : "serve");
    const appended = cluster.router.append(GROUP, cluster.batch(), OPTIONS);
    await clock.advance(900);
    isSlow = false;
    expect(await clock.until(appended)).toBeLessThan(200);
    expect(cluster.log.batches.length).toBe(2);
  });
});

describe("without two of three brokers", () => {
  beforeEach(async () => {
    await appendOne();
    cluster.lead(undefined);
    for (const nodeId of ["a", "b"]) cluster.network.kill(nodeId);
  });

  test("an append ends at its deadline, as not written", async () => {
    const appended = cluster.router.append(GROUP, cluster.batch(), { ...OPTIONS, timeoutMs: 3_000 });
    const outcome = expect(appended).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE", written: "no" });
    const tookMs = await cluster.clock.until(appended);
    await outcome;
    expect(tookMs).toBeGreaterThanOrEqual(2_900);
    expect(tookMs).toBeLessThan(3_100);
  });

  test("a read is served by the one that is left, the first after a moment and the next at once", async () => {
    const first = cluster.router.read(READ, OPTIONS);
    expect(await cluster.clock.until(first)).toBeLessThan(1_600);
    expect((await first).endOffset).toBe(2);
    expect(await cluster.clock.until(cluster.router.read(READ, OPTIONS))).toBeLessThan(10);
    // It is noticed when there is a leader again.
    cluster.lead("c");
    await cluster.clock.advance(20);
    await cluster.clock.until(cluster.router.read(READ, OPTIONS));
    const before = cluster.replica("c").requests.length;
    await cluster.clock.until(cluster.router.read(READ, OPTIONS));
    expect(
      cluster
        .replica("c")
        .requests.slice(before)
        .every((request) => !request.anyReplica),
    ).toBe(true);
  });

  test("an append that was on its way is unknown at its deadline", async () => {
    cluster.network.start("a");
    cluster.lead("a");
    await appendOne();
    cluster.replica("a").script = () => "hang";
    const appended = cluster.router.append(GROUP, cluster.batch(), { ...OPTIONS, timeoutMs: 2_000 });
    const outcome = expect(appended).rejects.toMatchObject({ code: "APPEND_OUTCOME_UNKNOWN", written: "perhaps" });
    await cluster.clock.advance(100);
    cluster.lead(undefined);
    cluster.network.kill("a");
    await cluster.clock.until(appended);
    await outcome;
  });
});

describe("bounds", () => {
  test("batches that wait for a leader are held up to a bound, and refused at once above it", async () => {
    cluster.router.close();
    cluster = new SimulatedCluster({ heldBytesMax: 300 });
    cluster.lead(undefined);
    const held = Promise.allSettled([1, 2].map(() => cluster.router.append(GROUP, cluster.batch(), OPTIONS)));
    const refused = cluster.router.append(GROUP, cluster.batch("x".repeat(300)), OPTIONS);
    await expect(refused).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE", reason: "overloaded" });
    cluster.lead("b");
    await cluster.clock.until(held);
    await appendOne();
    expect(cluster.log.batches.length).toBe(3);
  });

  test("a closed router ends what waits, connects to nobody again and leaves no timer behind", async () => {
    await appendOne();
    cluster.replica("a").script = () => "hang";
    const appended = cluster.router.append(GROUP, cluster.batch(), OPTIONS);
    const outcome = expect(appended).rejects.toMatchObject({ code: "APPEND_OUTCOME_UNKNOWN", reason: "closed" });
    await cluster.clock.advance(50);
    cluster.lead(undefined);
    const read = cluster.router.read(READ, OPTIONS);
    const readOutcome = expect(read).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE", reason: "closed" });
    await cluster.clock.advance(50);
    const connections = cluster.network.connectionCount;
    cluster.router.close();
    expect(await cluster.clock.until(Promise.allSettled([appended, read]))).toBeLessThan(60);
    await outcome;
    await readOutcome;
    await expect(cluster.router.append(GROUP, cluster.batch(), OPTIONS)).rejects.toMatchObject({ reason: "closed" });
    expect(cluster.network.connectionCount).toBe(connections);
  });

  test("an abort ends a search for the leader soon", async () => {
    cluster.lead(undefined);
    const abort = new AbortController();
    const appended = cluster.router.append(GROUP, cluster.batch(), { ...OPTIONS, signal: abort.signal });
    const outcome = expect(appended).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE", reason: "aborted" });
    await cluster.clock.advance(100);
    abort.abort();
    expect(await cluster.clock.until(appended)).toBeLessThan(60);
    await outcome;
  });
});

describe("a subscription", () => {
  const abort = (): AbortController => new AbortController();

  /** Takes pages until it ends; what came so far, and how it ended. */
  function follow(fromOffset: number, signal: AbortSignal) {
    const texts: string[] = [];
    let nextOffset = fromOffset;
    const run = async (): Promise<void> => {
      for await (const page of cluster.router.subscribe(GROUP, fromOffset, signal)) {
        texts.push(...textsOf(page as ReadResult, nextOffset));
        nextOffset = Math.max(nextOffset, page.endOffset);
      }
    };
    return { texts, ended: run() };
  }

  async function append(text: string): Promise<void> {
    await cluster.clock.until(cluster.router.append(GROUP, cluster.batch(text), OPTIONS));
  }

  test("goes on at the next leader, with nothing lost or repeated", async () => {
    await append("one");
    const stop = abort();
    const { texts, ended } = follow(1, stop.signal);
    await append("two");
    cluster.lead("c");
    await append("three");
    cluster.lead(undefined, "c");
    cluster.network.kill("c");
    await cluster.clock.advance(500);
    cluster.lead("b");
    await append("four");
    await cluster.clock.advance(100);
    expect(texts).toEqual(["one", "two", "three", "four"]);
    stop.abort();
    await cluster.clock.until(ended);
  });

  test("ends after the last record of a closed shard", async () => {
    await append("one");
    const { texts, ended } = follow(1, abort().signal);
    await append("two");
    cluster.log.close();
    await cluster.clock.until(ended);
    await ended;
    expect(texts).toEqual(["one", "two"]);
  });

  test("leaves a leader that is stopped while its connections stand", async () => {
    await append("one");
    const stop = abort();
    const { texts, ended } = follow(1, stop.signal);
    await cluster.clock.advance(100);
    cluster.network.freeze("a");
    cluster.lead("b");
    await append("two");
    await cluster.clock.advance(4_000);
    expect(texts).toEqual(["one", "two"]);
    stop.abort();
    await cluster.clock.until(ended);
  });

  test("reads from any replica while there is no leader", async () => {
    await append("one");
    cluster.lead(undefined);
    for (const nodeId of ["a", "b"]) cluster.network.kill(nodeId);
    const stop = abort();
    const { texts, ended } = follow(1, stop.signal);
    await cluster.clock.advance(2_000);
    expect(texts).toEqual(["one"]);
    cluster.lead("c");
    await append("two");
    await cluster.clock.advance(100);
    expect(texts).toEqual(["one", "two"]);
    stop.abort();
    await cluster.clock.until(ended);
  });

  test("asks a leader that breaks off every time less and less often", async () => {
    const script = cluster.replica("a").script;
    cluster.replica("a").script = (request) => (request.kind === SUBSCRIBE_KIND ? "cut" : script(request));
    const stop = abort();
    const { ended } = follow(1, stop.signal);
    await cluster.clock.advance(5_000);
    expect(count("a", SUBSCRIBE_KIND)).toBeLessThan(40);
    stop.abort();
    await cluster.clock.until(ended);
  });

  test("that ends while its reader is busy with a page is let go, though nobody asks for the next one", async () => {
    await append("one");
    const stop = abort();
    const pages = cluster.router.subscribe(GROUP, 1, stop.signal)[Symbol.asyncIterator]();
    const first = pages.next();
    await cluster.clock.until(first);
    expect(textsOf((await first).value as ReadResult)).toEqual(["one"]);
    stop.abort();
    await cluster.clock.advance(2_000);
    const pings = count("a", RequestKind.read);
    await cluster.clock.advance(10_000);
    expect(count("a", RequestKind.read)).toBe(pings);
  });

  test("of a deleted stream is gone, and of a closed router unavailable", async () => {
    await append("one");
    const first = follow(1, abort().signal);
    const outcome = expect(first.ended).rejects.toMatchObject({ code: "SHARD_UNAVAILABLE", reason: "closed" });
    await settle();
    await cluster.clock.advance(10);
    cluster.router.close();
    await cluster.clock.until(first.ended);
    await outcome;
    cluster = new SimulatedCluster();
    cluster.metadata.apply(deltaUpdate(2, { removedStreamIds: [1] }));
    await expect(follow(1, abort().signal).ended).rejects.toMatchObject({ code: "SHARD_GONE" });
  });
});
