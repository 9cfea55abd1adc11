import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:http2";
import { SubscribeToShardCommand, type SubscribeToShardEvent } from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../harness/cluster.ts";
import { callRaw, type RawAnswer } from "../harness/raw.ts";
import { SingleNode } from "../harness/single.ts";

const SHARD_0 = "shardId-000000000000";
let node: SingleNode;

beforeAll(async () => {
  node = await SingleNode.start("--memory", "--quotas", "off", "--streams", "e01,e05,e07,e11,gone,stalled");
}, 30_000);
afterAll(() => node.destroy());

const call = (operation: string, input: unknown): Promise<RawAnswer> => callRaw(node.endpoint, operation, input);
const put = (stream: string, text: string): Promise<RawAnswer> =>
  call("PutRecord", { StreamName: stream, PartitionKey: "k", Data: Buffer.from(text).toString("base64") });

async function consumer(stream: string, ConsumerName: string): Promise<string> {
  const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`;
  const { body } = await call("RegisterStreamConsumer", { StreamARN, ConsumerName });
  return (body.Consumer as { ConsumerARN: string }).ConsumerARN;
}

class Subscription {
  readonly texts: string[] = [];
  readonly events: SubscribeToShardEvent[] = [];
  failure: unknown;
  isOver = false;
  readonly #stop = new AbortController();

  async open(
    ConsumerARN: string,
    StartingPosition: Record<string, unknown> = { Type: "TRIM_HORIZON" },
    endpoint = node.endpoint,
  ): Promise<this> {
    const client = node.client({ maxAttempts: 1, endpoint });
    const command = new SubscribeToShardCommand({
      ...{ ConsumerARN, ShardId: SHARD_0, StartingPosition: StartingPosition as never },
    });
    const { EventStream } = await client.send(command, { abortSignal: this.#stop.signal });
    void this.#read(EventStream ?? (async function* () {})());
    return this;
  }

  async #read(stream: AsyncIterable<{ SubscribeToShardEvent?: SubscribeToShardEvent | undefined }>): Promise<void> {
    try {
      for await (const { SubscribeToShardEvent: event } of stream) {
        if (event === undefined) continue;
        this.events.push(event);
        for (const { Data } of event.Records ?? []) this.texts.push(Buffer.from(Data ?? []).toString());
      }
    } catch (error) {
      this.failure = error;
    }
    this.isOver = true;
  }

  close(): void {
    this.#stop.abort();
  }
}

test("E01, E03: events are pushed over HTTP/1.1 and over HTTP/2 by prior knowledge, on one port at once", async () => {
  const input = async (name: string) => ({
    ...{ ConsumerARN: await consumer("e01", name), ShardId: SHARD_0, StartingPosition: { Type: "TRIM_HORIZON" } },
  });
  await put("e01", "before");
  const headers = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "Kinesis_20131202.SubscribeToShard",
    "x-amz-date": "20261125T120000Z",
    authorization:
      "AWS4-HMAC-SHA256 Credential=test/20261125/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00",
  };
  const seen = { one: Buffer.alloc(0), two: Buffer.alloc(0), types: [] as unknown[] };
  const first = httpRequest(node.endpoint, { method: "POST", headers }, (response) => {
    seen.types.push(response.headers["content-type"]);
    response.on("data", (chunk: Buffer) => (seen.one = Buffer.concat([seen.one, chunk])));
    response.on("error", () => {});
  });
  first.on("error", () => {});
  first.end(JSON.stringify(await input("one")));
  const session = connect(node.endpoint);
  const second = session.request({ ...headers, ":method": "POST", ":path": "/" });
  second.on("response", (answer) => seen.types.push(answer["content-type"]));
  second.on("data", (chunk: Buffer) => (seen.two = Buffer.concat([seen.two, chunk])));
  second.end(JSON.stringify(await input("two")));
  const has = (text: string) => {
    const data = Buffer.from(text).toString("base64");
    return () => seen.one.includes(data) && seen.two.includes(data);
  };
  await eventually(has("before"), 5_000);
  await put("e01", "during");
  await eventually(has("during"), 1_000);
  expect(seen.types).toEqual(["application/vnd.amazon.eventstream", "application/vnd.amazon.eventstream"]);
  expect(seen.one.includes("initial-response")).toBe(true);
  first.destroy();
  session.destroy();
});

test("E05: an idle subscription lives on empty events, and their continuation is a place to go on from", async () => {
  const arn = await consumer("e05", "app");
  const first = await new Subscription().open(arn, { Type: "LATEST" });
  await eventually(() => first.events.length >= 2, 15_000);
  const numbers = first.events.map(({ ContinuationSequenceNumber }) => BigInt(ContinuationSequenceNumber ?? -1));
  expect(numbers.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(numbers);
  first.close();
  await put("e05", "once");
  const SequenceNumber = first.events.at(-1)?.ContinuationSequenceNumber;
  const position = { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber };
  const second = await new Subscription().open(arn, position);
  await eventually(() => second.texts.length > 0, 5_000);
  expect(second.texts).toEqual(["once"]);
  second.close();
  const start = await call("GetShardIterator", {
    ...{ StreamName: "e05", ShardId: SHARD_0, ShardIteratorType: "AFTER_SEQUENCE_NUMBER" },
    StartingSequenceNumber: SequenceNumber,
  });
  expect((await call("GetRecords", { ShardIterator: start.body.ShardIterator })).body.Records).toHaveLength(1);
}, 30_000);

test("E07: two consumers get everything each; two subscriptions of one do not, and the earlier is told, on another gateway too", async () => {
  const elsewhere = await node.addGateway();
  const anywhere = { Type: "TRIM_HORIZON" };
  const [one, two] = [await consumer("e07", "one"), await consumer("e07", "two")];
  const [first, other] = [await new Subscription().open(one), await new Subscription().open(two)];
  const openedAtMs = performance.now();
  await put("e07", "both");
  await eventually(() => first.texts.length === 1 && other.texts.length === 1, 5_000);
  for (const endpoint of [node.endpoint, elsewhere]) {
    await expect(new Subscription().open(one, anywhere, endpoint)).rejects.toMatchObject({
      name: "ResourceInUseException",
    });
  }
  await eventually(() => performance.now() - openedAtMs > 5_500, 10_000);
  const taking = await new Subscription().open(one, anywhere, elsewhere);
  await eventually(() => first.isOver, 5_000);
  expect(first.failure).toMatchObject({ name: "ResourceInUseException" });
  await put("e07", "later");
  await eventually(() => taking.texts.length === 2 && other.texts.length === 2, 5_000);
  expect(first.texts).toEqual(["both"]);
  for (const each of [taking, other]) each.close();
}, 30_000);

test("a consumer that is deregistered gets no more, though it is made anew; others go on", async () => {
  const [arn, otherArn] = [await consumer("gone", "one"), await consumer("gone", "other")];
  const [one, other] = [await new Subscription().open(arn), await new Subscription().open(otherArn)];
  await put("gone", "before");
  await eventually(() => one.texts.length === 1 && other.texts.length === 1, 5_000);
  await call("DeregisterStreamConsumer", { ConsumerARN: arn });
  await consumer("gone", "one");
  await put("gone", "after");
  await eventually(() => one.isOver && other.texts.length === 2, 5_000);
  expect(one.failure).toMatchObject({
    name: "ResourceNotFoundException",
    message: expect.stringContaining(arn) as string,
  });
  expect(one.texts).toEqual(["before"]);
  other.close();
}, 30_000);

test("events go on while a subscriber's quota is used up, and so does the news that its consumer is deregistered", async () => {
  const paced = await SingleNode.start("--memory", "--streams", "paced");
  try {
    const StreamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/paced";
    const ask = (operation: string, input: unknown): Promise<RawAnswer> => callRaw(paced.endpoint, operation, input);
    expect((await ask("UpdateMaxRecordSize", { StreamARN, MaxRecordSizeInKiB: 10_240 })).status).toBe(200);
    const Data = Buffer.alloc(10_000_000).toString("base64");
    await eventually(
      async () => (await ask("PutRecord", { StreamName: "paced", PartitionKey: "k", Data })).status === 200,
      10_000,
    );
    const { body } = await ask("RegisterStreamConsumer", { StreamARN, ConsumerName: "app" });
    const { ConsumerARN } = body.Consumer as { ConsumerARN: string };
    const one = await new Subscription().open(ConsumerARN, { Type: "TRIM_HORIZON" }, paced.endpoint);
    await eventually(() => one.texts.length === 1, 5_000);
    // Ten megabytes take up nearly five seconds of the quota, one of which is there already.
    const eventsBefore = one.events.length;
    const startedAt = performance.now();
    await eventually(() => one.events.length > eventsBefore, 10_000);
    expect(performance.now() - startedAt).toBeLessThan(6_500);
    await eventually(
      async () => (await ask("PutRecord", { StreamName: "paced", PartitionKey: "k", Data })).status === 200,
      10_000,
    );
    await eventually(() => one.texts.length === 2, 5_000);
    const deregisteredAt = performance.now();
    await ask("DeregisterStreamConsumer", { ConsumerARN });
    await eventually(() => one.isOver, 5_000);
    expect(performance.now() - deregisteredAt).toBeLessThan(3_000);
    expect(one.failure).toMatchObject({ name: "ResourceNotFoundException" });
  } finally {
    await paced.destroy();
  }
}, 60_000);

test("E11: a subscriber that does not read holds up no other, and goes on without a gap when it reads again", async () => {
  const session = connect(node.endpoint);
  const slow = session.request({
    ...{ ":method": "POST", ":path": "/", "content-type": "application/x-amz-json-1.1" },
    ...{ "x-amz-target": "Kinesis_20131202.SubscribeToShard", "x-amz-date": "20261125T120000Z" },
    authorization:
      "AWS4-HMAC-SHA256 Credential=test/20261125/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00",
  });
  const ConsumerARN = await consumer("e11", "slow");
  slow.end(JSON.stringify({ ConsumerARN, ShardId: SHARD_0, StartingPosition: { Type: "TRIM_HORIZON" } }));
  const others = await Promise.all(
    Array.from({ length: 4 }, async (_, i) => new Subscription().open(await consumer("e11", `quick-${i}`))),
  );
  const filler = "x".repeat(100_000);
  for (let i = 0; i < 100; i++) {
    await put("e11", `${i}:${filler}`);
    const startedAt = performance.now();
    await eventually(() => others.every(({ texts }) => texts.length === i + 1), 2_000);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  }
  const received: Buffer[] = [];
  let isOver = false;
  slow.on("data", (chunk: Buffer) => received.push(chunk));
  for (const event of ["end", "error"]) slow.on(event, () => (isOver = true));
  const seen = (): number[] =>
    [
      ...Buffer.concat(received)
        .toString("latin1")
        .matchAll(/"Data":"([A-Za-z0-9+/]{4,12})/g),
    ].map(([, head]) =>
      Number(
        Buffer.from(head ?? "", "base64")
          .toString("latin1")
          .split(":")[0],
      ),
    );
  const sizeBytes = (): number => received.reduce((sum, chunk) => sum + chunk.length, 0);
  await eventually(
    () => isOver || sizeBytes() > (100 * filler.length * 4) / 3,
    10_000,
    () => `${sizeBytes()} bytes`,
  );
  expect(seen()).toEqual(Array.from({ length: 100 }, (_, i) => i));
  for (const each of others) each.close();
  session.destroy();
}, 60_000);

test("subscribers that do not read cost a bounded part of their backlog each", async () => {
  const backlogMib = 40;
  const data = Buffer.alloc(900_000).toString("base64");
  for (let i = 0; i < (backlogMib * 1_048_576) / 900_000; i++) {
    expect((await call("PutRecord", { StreamName: "stalled", PartitionKey: "k", Data: data })).status).toBe(200);
  }
  const rssMib = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.pid}/status`, "utf8"))?.[1]) / 1_024;
  const beforeMib = rssMib();
  const sessions = [];
  for (let i = 0; i < 10; i++) {
    const ConsumerARN = await consumer("stalled", `slow-${i}`);
    const session = connect(node.endpoint);
    sessions.push(session);
    const slow = session.request({
      ...{ ":method": "POST", ":path": "/", "content-type": "application/x-amz-json-1.1" },
      ...{ "x-amz-target": "Kinesis_20131202.SubscribeToShard", "x-amz-date": "20261125T120000Z" },
      authorization:
        "AWS4-HMAC-SHA256 Credential=test/20261125/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00",
    });
    slow.end(JSON.stringify({ ConsumerARN, ShardId: SHARD_0, StartingPosition: { Type: "TRIM_HORIZON" } }));
    await new Promise((resolve) => slow.once("response", resolve)); // and no more is read
  }
  // What would be buffered is there when another one has read it all.
  const quick = await new Subscription().open(await consumer("stalled", "quick"));
  await eventually(() => (quick.events.at(-1)?.MillisBehindLatest ?? 1) === 0 && quick.texts.length > 40, 30_000);
  expect(rssMib() - beforeMib).toBeLessThan(sessions.length * 25);
  quick.close();
  for (const session of sessions) session.destroy();
}, 60_000);
