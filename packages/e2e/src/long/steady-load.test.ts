import { randomBytes } from "node:crypto";
import { CreateStreamCommand, type KinesisClient, PutRecordsCommand } from "@aws-sdk/client-kinesis";
import { createStream, deleteStream } from "@millrace/verifier";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalCluster } from "../harness/cluster.ts";
import { diskMib, memoryByNode, SHARE, tell } from "./usage.ts";

const SECONDS = Math.round(1_800 * SHARE);
const SHARDS = 4;
/** Just below a provisioned shard's 1,000 records and 1 MiB a second, were the keys to fall evenly. */
const RECORDS_PER_PUT = 95;
const PUTS_PER_SECOND = 40;
const RECORD_SIZE_BYTES = 1_000;
/** A stream of its own for a while, then gone with all of its data: retention has segments to delete and to compact. */
const SHORT_LIVED_S = 20;
const P999_MS_MAX = 500;

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
});

afterAll(async () => {
  await cluster.destroy();
});

/** Slowest put of each second, by when it was due: what a stall delays counts, too. */
class Seconds {
  readonly all: number[] = [];
  readonly slowestMs: number[] = [];
  readonly answered: number[] = [];
  readonly failures: string[] = [];

  add(dueMs: number, nowMs: number): void {
    const [due, now] = [Math.floor(dueMs / 1_000), Math.floor(nowMs / 1_000)];
    this.slowestMs[due] = Math.max(this.slowestMs[due] ?? 0, Math.round(nowMs - dueMs));
    this.answered[now] = (this.answered[now] ?? 0) + 1;
    this.all.push(nowMs - dueMs);
  }
}

async function paced(seconds: Seconds, put: (index: number) => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  const puts: Promise<void>[] = [];
  for (let index = 0; index < SECONDS * PUTS_PER_SECOND; index++) {
    const dueMs = (index * 1_000) / PUTS_PER_SECOND;
    const waitMs = startedAt + dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    puts.push(
      put(index).then(
        () => seconds.add(dueMs, performance.now() - startedAt),
        (error: unknown) => void seconds.failures.push((error as Error).name),
      ),
    );
  }
  await Promise.all(puts);
}

function recordsOf(stream: string) {
  const Records = Array.from({ length: RECORDS_PER_PUT }, () => ({
    PartitionKey: randomBytes(8).toString("hex"),
    Data: randomBytes(RECORD_SIZE_BYTES),
  }));
  return { StreamName: stream, Records };
}

async function shortLived(client: KinesisClient, signal: AbortSignal): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    const stream = `short-lived-${count++}`;
    await client.send(new CreateStreamCommand({ StreamName: stream, ShardCount: 1 })).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    for (let second = 0; second < SHORT_LIVED_S && !signal.aborted; second++) {
      await client.send(new PutRecordsCommand(recordsOf(stream)));
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    await deleteStream(client, stream);
  }
  return count;
}

test("O11: half an hour at the rated write rate while streams come and go: no second without progress", async () => {
  const client = cluster.client({ maxAttempts: 3 });
  await createStream(client, "rated", SHARDS);
  const bodies = Array.from({ length: 16 }, () => recordsOf("rated"));
  const seconds = new Seconds();
  const stop = new AbortController();
  const beside = shortLived(cluster.client(), stop.signal);
  const memoryBefore = memoryByNode(cluster);
  let refused = 0;
  await paced(seconds, async (index) => {
    const answer = await client.send(new PutRecordsCommand(bodies[index % bodies.length] as (typeof bodies)[0]));
    refused += answer.FailedRecordCount ?? 0;
  });
  stop.abort();
  const streams = await beside;
  const sorted = seconds.all.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  const still = Array.from({ length: SECONDS }, (_, second) => seconds.answered[second] ?? 0).filter(
    (count) => count === 0,
  );
  tell("O11", {
    seconds: SECONDS,
    putMs: { p50: at(0.5), p99: at(0.99), p999: at(0.999), worst: at(1) },
    secondsWithoutProgress: still.length,
    secondsWithAPutOver500Ms: seconds.slowestMs.filter((ms) => ms > P999_MS_MAX).length,
    streams,
    refused,
    failures: seconds.failures.slice(0, 20),
    memoryBefore,
    memoryAfter: memoryByNode(cluster),
    diskMib: diskMib(cluster.dataDir),
  });
  tell("O11, slowest put of each second (ms)", { slowest: seconds.slowestMs.join(" ") });
  expect(seconds.failures).toEqual([]);
  expect(still).toEqual([]);
  expect(refused).toBe(0);
  expect(at(0.999)).toBeLessThan(P999_MS_MAX);
}, 3_600_000);
