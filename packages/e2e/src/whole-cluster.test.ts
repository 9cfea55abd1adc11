import { GetRecordsCommand, GetShardIteratorCommand, PutRecordCommand } from "@aws-sdk/client-kinesis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LocalCluster, eventually } from "./harness/cluster.ts";
import { createStream, Ledger, readShard } from "@millrace/verifier";

let cluster: LocalCluster;

beforeEach(async () => {
  cluster = await LocalCluster.start("--quotas", "off", "--no-restart");
});

afterEach(async () => {
  await cluster.destroy();
});

test("D01, O17: SIGKILL of every process at once loses nothing that was acknowledged", async () => {
  const client = cluster.client();
  await createStream(client, "s", 4);
  const ledger = new Ledger("s");
  const stop = new AbortController();
  const writers = ["a", "b"].map((name) => ledger.write(cluster.client({ maxAttempts: 1 }), name, 50, stop.signal));
  await eventually(() => ledger.acknowledgedCount > 1_000, 15_000);
  await cluster.killEverything();
  stop.abort();
  await Promise.all(writers);
  await cluster.launch();
  await cluster.healthy();
  expect((await ledger.verify(client)).slice(0, 10)).toEqual([]);
}, 90_000);

test("a clean stop and start keeps data, and the program ends with status 0", async () => {
  await createStream(cluster.client(), "kept", 1);
  const put = await cluster
    .client()
    .send(new PutRecordCommand({ StreamName: "kept", PartitionKey: "k", Data: Buffer.from("kept:1") }));
  expect(await cluster.stop()).toBe(0);
  await cluster.launch();
  const records = await readShard(cluster.client(), "kept", "shardId-000000000000");
  expect(records).toEqual([{ id: "kept:1", sequenceNumber: BigInt(put.SequenceNumber as string) }]);
}, 60_000);

test("with two of three brokers down puts fail with a retryable error in time, and nothing acknowledged is lost", async () => {
  const client = cluster.client({ maxAttempts: 1 });
  await createStream(client, "s", 2);
  const ledger = new Ledger("s");
  const filled = new AbortController();
  const writer = ledger.write(client, "before", 20, filled.signal);
  await eventually(() => ledger.acknowledgedCount > 200, 15_000);
  filled.abort();
  await writer;

  cluster.signal("broker-1", "SIGKILL");
  cluster.signal("broker-3", "SIGKILL");
  const startedAt = performance.now();
  const failure = await client
    .send(new PutRecordCommand({ StreamName: "s", PartitionKey: "k", Data: Buffer.from("during:1") }))
    .then(
      () => undefined,
      (error: Error & { $metadata?: { httpStatusCode?: number } }) => error,
    );
  ledger.attempted.set("during", 2);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(failure?.$metadata?.httpStatusCode).toBeGreaterThanOrEqual(500);

  // What was acknowledged can be read from the one that is left.
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({
      StreamName: "s",
      ShardId: "shardId-000000000000",
      ShardIteratorType: "TRIM_HORIZON",
    }),
  );
  const page = await client.send(new GetRecordsCommand({ ShardIterator }));
  expect(page.Records?.length).toBeGreaterThan(0);

  await cluster.killEverything();
  await cluster.launch();
  await cluster.healthy();
  expect((await ledger.verify(client)).slice(0, 10)).toEqual([]);
}, 90_000);
