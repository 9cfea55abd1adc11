import { randomBytes } from "node:crypto";
import {
  DescribeStreamSummaryCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
} from "@aws-sdk/client-kinesis";
import { createStream } from "@millrace/verifier";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster } from "../harness/cluster.ts";
import { memoryByNode, memoryOf, SHARE, tell } from "./usage.ts";

const SECONDS = Math.round(600 * SHARE);
const SHARDS = 2;
/** Kept below what fills this machine's disk in ten minutes. */
const BYTES_PER_SECOND = 8e6;
const RECORDS_PER_PUT = 100;
const RECORD_SIZE_BYTES = 10_000;
/** Cache and streams of a broker together, with room for what V8 has not collected yet. */
const GROWTH_MIB_MAX = 768;
const STOPPED = "broker-3";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
});

afterAll(async () => {
  await cluster.destroy();
});

/** @returns what ends it */
async function subscribeAndNotRead(stream: string): Promise<() => void> {
  const client = cluster.client();
  const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName: stream }));
  const { Consumer } = await client.send(
    new RegisterStreamConsumerCommand({
      StreamARN: StreamDescriptionSummary?.StreamARN,
      ConsumerName: "stands-still",
    }),
  );
  await eventually(async () => {
    try {
      await client.send(
        new SubscribeToShardCommand({
          ConsumerARN: Consumer?.ConsumerARN,
          ShardId: "shardId-000000000000",
          StartingPosition: { Type: "LATEST" },
        }),
      );
      return true;
    } catch {
      return false; // not ACTIVE yet
    }
  }, 15_000);
  return () => client.destroy();
}

test("O13: a follower stands still for ten minutes under load, and so does a subscriber: memory stays bounded", async () => {
  const client = cluster.client();
  await createStream(client, "s", SHARDS);
  const bodies = Array.from({ length: 8 }, () =>
    Array.from({ length: RECORDS_PER_PUT }, () => ({
      PartitionKey: randomBytes(8).toString("hex"),
      Data: randomBytes(RECORD_SIZE_BYTES),
    })),
  );
  let puts = 0;
  const put = async (): Promise<void> => {
    const { FailedRecordCount } = await client.send(
      new PutRecordsCommand({ StreamName: "s", Records: bodies[puts++ % bodies.length] }),
    );
    expect(FailedRecordCount).toBe(0);
  };
  for (let warmUp = 0; warmUp < 100; warmUp++) await put();
  const end = await subscribeAndNotRead("s");
  const before = memoryByNode(cluster);
  const most: Record<string, number> = { ...before };
  cluster.signal(STOPPED, "SIGSTOP");
  try {
    const startedAt = performance.now();
    const perPut = (RECORDS_PER_PUT * RECORD_SIZE_BYTES) / BYTES_PER_SECOND;
    for (let second = 0; performance.now() - startedAt < SECONDS * 1_000; second += perPut) {
      const waitMs = startedAt + second * 1_000 - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      await put();
      for (const { id, pid } of cluster.nodes()) most[id] = Math.max(most[id] ?? 0, memoryOf(pid).nowMib);
    }
  } finally {
    cluster.signal(STOPPED, "SIGCONT");
  }
  const wentOnAt = performance.now();
  await cluster.healthy(600_000);
  const caughtUpAfterS = Math.round((performance.now() - wentOnAt) / 1_000);
  end();
  const megabytes = Math.round((puts * RECORDS_PER_PUT * RECORD_SIZE_BYTES) / 1e6);
  tell("O13", { seconds: SECONDS, megabytes, before, most, after: memoryByNode(cluster), caughtUpAfterS });
  for (const [id, mib] of Object.entries(most)) expect(mib - (before[id] ?? 0), id).toBeLessThan(GROWTH_MIB_MAX);
}, 2_400_000);
