import { formatSequenceNumber, parseSequenceNumber, SEQUENCE_INDEX_MAX, type SequenceNumber } from "@millrace/proto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./harness/cluster.ts";
import { callRaw, type RawAnswer } from "./harness/raw.ts";
import { SingleNode } from "./harness/single.ts";

let node: SingleNode;

beforeAll(async () => {
  node = await SingleNode.start("--memory", "--quotas", "off", "--streams", "s,t");
}, 30_000);
afterAll(() => node.destroy());

const SHARD = { StreamName: "s", ShardId: "shardId-000000000000" };
const arnOf = (stream: string): string => `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`;
const call = (operation: string, input: unknown): Promise<RawAnswer> => callRaw(node.endpoint, operation, input);

test("what is no tag is none when the stream is created either, and then there is no stream", async () => {
  for (const Tags of [{ "a;b": "v" }, { a: "v,w" }, { "aws:a": "v" }, { "AWS:a": "v" }]) {
    const added = await call("AddTagsToStream", { StreamName: "s", Tags });
    const created = await call("CreateStream", { StreamName: "tagged", ShardCount: 1, Tags });
    expect(created.status).toBe(400);
    expect(created.body).toEqual(added.body);
  }
  expect((await call("DescribeStreamSummary", { StreamName: "tagged" })).error).toBe("ResourceNotFoundException");
});

/** The number of a record that was just put, with something else in it. */
async function numberWith(change: (number: SequenceNumber) => Partial<SequenceNumber>): Promise<string> {
  const { body } = await call("PutRecord", { StreamName: "s", PartitionKey: "k", Data: "" });
  const number = parseSequenceNumber(String(body.SequenceNumber)) as SequenceNumber;
  return formatSequenceNumber({ ...number, ...change(number) });
}

test("a sequence number that no shard ever comes to is behind every record, however great it is", async () => {
  for (const index of [1n << 40n, (1n << 53n) - 2n, 1n << 53n, SEQUENCE_INDEX_MAX - 1n, SEQUENCE_INDEX_MAX]) {
    const StartingSequenceNumber = await numberWith(() => ({ index }));
    for (const ShardIteratorType of ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"]) {
      const { body } = await call("GetShardIterator", { ...SHARD, ShardIteratorType, StartingSequenceNumber });
      const read = await call("GetRecords", { ShardIterator: body.ShardIterator });
      expect(read).toMatchObject({ status: 200, body: { Records: [], MillisBehindLatest: 0 } });
    }
  }
});

test("a number that a shard gave orders the next put, though its broker's clock is ahead; others of the future do not", async () => {
  const put = (SequenceNumberForOrdering: string) =>
    call("PutRecord", { StreamName: "s", PartitionKey: "k", Data: "", SequenceNumberForOrdering });
  expect((await put(await numberWith(({ timeS }) => ({ timeS: timeS + 100 })))).status).toBe(200);
  for (const change of [{ shardNumber: 5 }, { shardCreatedAtS: 1_700_000_000 }]) {
    const other = await numberWith(({ timeS }) => ({ timeS: timeS + 100, ...change }));
    expect((await put(other)).body).toMatchObject({
      __type: "InvalidArgumentException",
      message: `ExclusiveMinimumSequenceNumber ${other} used in PutRecord on stream s under account 000000000000 is invalid.`,
    });
    expect((await put(await numberWith(() => change))).status).toBe(200);
  }
});

test("a page token of consumers is of one stream, and the stream's time of creation is looked at", async () => {
  for (const stream of ["s", "t"]) {
    for (const ConsumerName of ["a", "b"]) {
      await call("RegisterStreamConsumer", { StreamARN: arnOf(stream), ConsumerName });
    }
  }
  const list = (input: object) => call("ListStreamConsumers", { StreamARN: arnOf("s"), ...input });
  const { NextToken } = (await list({ MaxResults: 1 })).body;
  expect((await list({ NextToken })).body.Consumers).toMatchObject([{ ConsumerName: "b" }]);
  expect((await list({ NextToken, StreamARN: arnOf("t") })).error).toBe("InvalidArgumentException");
  const summary = await call("DescribeStreamSummary", { StreamName: "s" });
  const { StreamCreationTimestamp } = summary.body.StreamDescriptionSummary as { StreamCreationTimestamp: number };
  expect((await list({ StreamCreationTimestamp })).status).toBe(200);
  expect((await list({ StreamCreationTimestamp: StreamCreationTimestamp - 1 })).error).toBe(
    "ResourceNotFoundException",
  );
  expect((await list({ StreamCreationTimestamp, NextToken })).error).toBe("InvalidArgumentException");
});

test("names that contradict each other name no consumer, and none is deregistered by them", async () => {
  const { body } = await call("RegisterStreamConsumer", { StreamARN: arnOf("s"), ConsumerName: "named" });
  const { ConsumerARN } = body.Consumer as { ConsumerARN: string };
  for (const operation of ["DescribeStreamConsumer", "DeregisterStreamConsumer"]) {
    for (const other of [{ StreamARN: arnOf("t") }, { ConsumerName: "other" }]) {
      const reference = { StreamARN: arnOf("s"), ConsumerName: "named", ConsumerARN, ...other };
      expect((await call(operation, reference)).error).toBe("InvalidArgumentException");
    }
    const consistent = { StreamARN: arnOf("s"), ConsumerName: "named", ConsumerARN };
    expect((await call(operation, consistent)).status).toBe(200);
  }
});

test("an iterator of a stream that is gone names the stream, though another one has its name", async () => {
  const stream = { StreamName: "gone" };
  const isMade = async () =>
    (await call("GetShardIterator", { ...SHARD, ...stream, ShardIteratorType: "LATEST" })).body;
  const make = async (): Promise<unknown> => {
    await call("CreateStream", { ...stream, ShardCount: 1 });
    await eventually(async () => (await isMade()).ShardIterator !== undefined, 10_000);
    return (await isMade()).ShardIterator;
  };
  const ShardIterator = await make();
  await call("DeleteStream", stream);
  await eventually(async () => (await call("DescribeStreamSummary", stream)).status === 400, 10_000);
  const text = "Shard shardId-000000000000 in stream gone under account 000000000000 does not exist";
  const gone = { status: 400, error: "ResourceNotFoundException", body: { message: text } };
  expect(await call("GetRecords", { ShardIterator })).toMatchObject(gone);
  await make();
  expect(await call("GetRecords", { ShardIterator })).toMatchObject(gone);
});
