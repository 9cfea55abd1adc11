import { renameSync } from "node:fs";
import { join } from "node:path";
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  PutRecordCommand,
} from "@aws-sdk/client-kinesis";
import { createStream, deleteStream, Ledger, readShard } from "@millrace/verifier";
import { afterEach, expect, test } from "vitest";
import { eventually, LocalCluster } from "../harness/cluster.ts";
import { diskMib, memoryByNode, SHARE, tell } from "./usage.ts";

let cluster: LocalCluster;

afterEach(async () => {
  await cluster.destroy();
});

const CLIENTS = 5;

/** `work` for 0 … count-1, by five clients at once. @returns the milliseconds of each */
async function byFive(count: number, work: (client: KinesisClient, index: number) => Promise<unknown>) {
  const durations: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = cluster.client();
      for (let index = next++; index < count; index = next++) {
        const startedAt = performance.now();
        await work(client, index);
        durations.push(performance.now() - startedAt);
      }
    }),
  );
  return durations.toSorted((a, b) => a - b);
}

const percentile = (sorted: readonly number[], share: number): number =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);

const name = (index: number): string => `stream-${index}`;
const create = (client: KinesisClient, index: number) =>
  client.send(new CreateStreamCommand({ StreamName: name(index), ShardCount: 1 }));

async function allActive(client: KinesisClient, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await eventually(async () => {
      const { StreamDescriptionSummary } = await client.send(
        new DescribeStreamSummaryCommand({ StreamName: name(index) }),
      );
      return StreamDescriptionSummary?.StreamStatus === "ACTIVE";
    }, 120_000);
  }
}

const STREAMS = Math.round(400 * SHARE);

test("O05: one disk of three is lost with 400 streams; all are whole again by themselves, then another broker dies", async () => {
  cluster = await LocalCluster.start("--quotas", "off");
  const client = cluster.client();
  await byFive(STREAMS, create);
  await allActive(client, STREAMS);
  await byFive(STREAMS, (each, index) =>
    each.send(new PutRecordCommand({ StreamName: name(index), PartitionKey: "k", Data: Buffer.from(name(index)) })),
  );
  await createStream(client, "load", 2);
  const ledger = new Ledger("load");
  const stop = new AbortController();
  const writing = ["a", "b"].map((writer) => ledger.write(cluster.client(), writer, 10, stop.signal, 20));
  const startedAt = performance.now();
  const progress: number[] = [];
  try {
    const { pid } = cluster.node("broker-2");
    renameSync(join(cluster.dataDir, "broker-2"), join(cluster.dataDir, "broker-2.lost"));
    cluster.signal("broker-2", "SIGKILL");
    await eventually(() => ![0, pid].includes(cluster.node("broker-2").pid), 15_000);
    // What an operator sees of it: `millrace status`, millrace_under_replicated_shards.
    await eventually(async () => {
      const { underReplicatedShards, nodes } = await cluster.status();
      progress.push(underReplicatedShards);
      return underReplicatedShards === 0 && nodes.every(({ state }) => state === "up");
    }, 300_000);
    tell("O05", { streams: STREAMS, wholeAgainAfterS: Math.round((performance.now() - startedAt) / 1_000), progress });
    const longestGapMs = Math.round(ledger.longestGapMs);
    expect(Math.max(...progress)).toBeGreaterThan(0);
    const before = cluster.node("broker-1").pid;
    cluster.signal("broker-1", "SIGKILL");
    await eventually(() => ![0, before].includes(cluster.node("broker-1").pid), 15_000);
    await cluster.healthy(120_000);
    tell("O05", { longestGapMs, afterTheSecondKill: Math.round(ledger.longestGapMs), memory: memoryByNode(cluster) });
  } finally {
    stop.abort();
    await Promise.all(writing);
  }
  expect(await ledger.verify(client)).toEqual([]);
  expect(ledger.failedRequests).toBe(0);
  const missing: string[] = [];
  await byFive(STREAMS, async (each, index) => {
    const stored = await readShard(each, name(index), "shardId-000000000000");
    if (stored.length !== 1 || stored[0]?.id !== name(index)) missing.push(name(index));
  });
  expect(missing).toEqual([]);
}, 900_000);

const ROUNDS = 3;
const MANY = Math.round(1_000 * SHARE);

test("O09: 1,000 streams are made as fast as five clients can, and deleted, three times; memory and disk come down again", async () => {
  cluster = await LocalCluster.start("--quotas", "off");
  const client = cluster.client();
  await createStream(client, "before", 1);
  const pids = cluster.nodes().map(({ pid }) => pid);
  const disk: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const startedAt = performance.now();
    const made = await byFive(MANY, create);
    await allActive(client, MANY);
    const activeAfterS = Math.round((performance.now() - startedAt) / 1_000);
    const full = memoryByNode(cluster);
    const deleted = await byFive(MANY, (each, index) =>
      each.send(new DeleteStreamCommand({ StreamName: name(index), EnforceConsumerDeletion: true })),
    );
    await eventually(async () => (await cluster.status()).streams === 1, 300_000);
    disk.push(diskMib(cluster.dataDir));
    tell(`O09, round ${round}`, {
      streams: MANY,
      createMsP50: percentile(made, 0.5),
      createMsP99: percentile(made, 0.99),
      activeAfterS,
      deleteMsP99: percentile(deleted, 0.99),
      full,
      empty: memoryByNode(cluster),
      diskMib: disk.at(-1),
    });
    expect(percentile(made, 0.99)).toBeLessThan(10_000);
  }
  // Nobody has died, and the third round left no more behind than the first.
  expect(cluster.nodes().map(({ pid }) => pid)).toEqual(pids);
  expect(disk[2]).toBeLessThan((disk[0] ?? 0) * 1.5 + 64);
  await cluster.healthy();
  await deleteStream(client, "before");
}, 1_800_000);
