import {
  type KinesisClient,
  ListShardsCommand,
  PutRecordCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  type SubscribeToShardCommandInput,
  SubscribeToShardCommand,
  type SubscribeToShardEvent,
} from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster } from "./harness/cluster.ts";
import { createStream } from "@millrace/verifier";

const SHARD_0 = "shardId-000000000000";
let cluster: LocalCluster;
let client: KinesisClient;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
  client = cluster.client();
}, 60_000);

afterAll(async () => {
  await cluster.destroy();
});

async function consumer(stream: string): Promise<string> {
  await createStream(client, stream, 1);
  const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`;
  const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: "app" }));
  return Consumer?.ConsumerARN as string;
}

class Reader {
  readonly texts: string[] = [];
  readonly latenciesMs: number[] = [];
  last: SubscribeToShardEvent | undefined;
  isOver = false;
  failure: unknown;

  async run(input: SubscribeToShardCommandInput): Promise<void> {
    try {
      await this.#read(input);
    } catch (error) {
      this.failure = error;
    }
    this.isOver = true;
  }

  async #read(input: SubscribeToShardCommandInput): Promise<void> {
    const { EventStream } = await client.send(new SubscribeToShardCommand(input));
    for await (const { SubscribeToShardEvent: event } of EventStream ?? []) {
      if (event === undefined) continue;
      this.last = event;
      for (const { Data, PartitionKey } of event.Records ?? []) {
        this.texts.push(Buffer.from(Data ?? []).toString());
        const acknowledgedMs = acknowledged.get(`${PartitionKey}`);
        if (acknowledgedMs !== undefined) this.latenciesMs.push(performance.now() - acknowledgedMs);
      }
    }
  }
}

const acknowledged = new Map<string, number>();

async function put(stream: string, text: string): Promise<void> {
  await client.send(new PutRecordCommand({ StreamName: stream, PartitionKey: text, Data: Buffer.from(text) }));
  acknowledged.set(text, performance.now());
}

test("records are pushed as they are put, and the next subscription goes on where the last one stood", async () => {
  const ConsumerARN = await consumer("pushed");
  const reader = new Reader();
  await put("pushed", "before");
  const startedAt = performance.now();
  const running = reader.run({ ConsumerARN, ShardId: SHARD_0, StartingPosition: { Type: "TRIM_HORIZON" } });
  await eventually(() => reader.texts.length === 1, 5_000);
  // At once: five seconds later the second one would take over.
  await expect(
    client.send(new SubscribeToShardCommand({ ConsumerARN, ShardId: SHARD_0, StartingPosition: { Type: "LATEST" } })),
  ).rejects.toMatchObject({ name: "ResourceInUseException" });
  const texts = Array.from({ length: 50 }, (_, i) => `n${i}`);
  for (const text of texts) await put("pushed", text);
  await eventually(() => reader.texts.length === 51, 5_000);
  expect(reader.texts).toEqual(["before", ...texts]);

  cluster.signal("broker-1", "SIGKILL");
  await put("pushed", "after a broker's death");
  await eventually(() => reader.texts.length === 52, 10_000);
  const SequenceNumber = reader.last?.ContinuationSequenceNumber;
  await put("pushed", "later");
  await eventually(() => reader.texts.length === 53, 10_000);
  const second = new Reader();
  // A second subscription takes over, but not within five seconds of the first.
  await eventually(() => performance.now() - startedAt > 6_000, 10_000);
  void second.run({
    ConsumerARN,
    ShardId: SHARD_0,
    StartingPosition: { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber },
  });
  await eventually(() => second.texts.length === 1 && reader.isOver, 10_000);
  expect(second.texts).toEqual(["later"]);
  expect(reader.failure).toMatchObject({ name: "ResourceInUseException" });
  await running;
}, 60_000);

test("a reader at the end of a split shard is told its children", async () => {
  const ConsumerARN = await consumer("split");
  const reader = new Reader();
  await put("split", "a");
  const running = reader.run({ ConsumerARN, ShardId: SHARD_0, StartingPosition: { Type: "TRIM_HORIZON" } });
  await eventually(() => reader.texts.length === 1, 5_000);
  await client.send(
    new SplitShardCommand({ StreamName: "split", ShardToSplit: SHARD_0, NewStartingHashKey: String(2n ** 127n) }),
  );
  await running;
  expect(reader.failure).toBeUndefined();
  expect(reader.last?.ContinuationSequenceNumber).toBeUndefined();
  expect(reader.last?.ChildShards?.map(({ ShardId }) => ShardId)).toEqual([
    "shardId-000000000001",
    "shardId-000000000002",
  ]);
  const { Shards } = await client.send(new ListShardsCommand({ StreamName: "split" }));
  expect(Shards).toHaveLength(3);
}, 60_000);

test("E09: whichever broker stands still, the subscription goes on elsewhere within ten seconds, and loses and repeats nothing", async () => {
  const ConsumerARN = await consumer("paused");
  const reader = new Reader();
  const running = reader.run({ ConsumerARN, ShardId: SHARD_0, StartingPosition: { Type: "TRIM_HORIZON" } });
  const texts: string[] = [];
  for (const broker of ["broker-1", "broker-2", "broker-3"]) {
    cluster.signal(broker, "SIGSTOP");
    try {
      const text = `while ${broker} stands still`;
      texts.push(text);
      await put("paused", text);
      await eventually(() => reader.texts.length >= texts.length || reader.isOver, 10_000);
      expect(reader.texts).toEqual(texts);
    } finally {
      cluster.signal(broker, "SIGCONT");
    }
    await cluster.healthy();
  }
  await client.send(
    new SplitShardCommand({ StreamName: "paused", ShardToSplit: SHARD_0, NewStartingHashKey: String(2n ** 127n) }),
  );
  await running;
  expect(reader.texts).toEqual(texts);
}, 120_000);
