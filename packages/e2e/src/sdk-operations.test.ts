import { randomBytes } from "node:crypto";
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeLimitsCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  type KinesisClient,
  KinesisServiceException,
  ListShardsCommand,
  type ListShardsCommandOutput,
  ListStreamsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  waitUntilStreamExists,
  waitUntilStreamNotExists,
} from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalCluster } from "./harness/cluster.ts";
import { createStream } from "@millrace/verifier";

const SHARD_0 = "shardId-000000000000";

let cluster: LocalCluster;
let client: KinesisClient;

beforeAll(async () => {
  cluster = await LocalCluster.start();
  // A shard gives five pages a second, and some tests read more: the SDK waits as it would at AWS.
  client = cluster.client({ maxAttempts: 10 });
}, 60_000);

afterAll(async () => {
  await cluster.destroy();
});

async function errorOf(promise: Promise<unknown>): Promise<KinesisServiceException> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(KinesisServiceException);
  return outcome as KinesisServiceException;
}

async function read(input: Omit<GetShardIteratorCommandInput, "ShardId"> & { ShardId?: string }): Promise<string[]> {
  const { ShardIterator } = await client.send(new GetShardIteratorCommand({ ShardId: SHARD_0, ...input }));
  const page = await client.send(new GetRecordsCommand({ ShardIterator }));
  return (page.Records ?? []).map((record) => Buffer.from(record.Data ?? []).toString());
}

test("a stream lives from CREATING over ACTIVE to gone", async () => {
  await client.send(new CreateStreamCommand({ StreamName: "life", ShardCount: 3 }));
  await waitUntilStreamExists({ client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }, { StreamName: "life" });

  const { StreamDescription: description } = await client.send(new DescribeStreamCommand({ StreamName: "life" }));
  expect(description).toMatchObject({
    StreamName: "life",
    StreamStatus: "ACTIVE",
    StreamARN: "arn:aws:kinesis:us-east-1:000000000000:stream/life",
    RetentionPeriodHours: 24,
    HasMoreShards: false,
    EncryptionType: "NONE",
    StreamModeDetails: { StreamMode: "PROVISIONED" },
  });
  const ranges = (description?.Shards ?? []).map((shard) => shard.HashKeyRange);
  expect(ranges).toHaveLength(3);
  expect(ranges[0]?.StartingHashKey).toBe("0");
  expect(ranges[2]?.EndingHashKey).toBe(String(2n ** 128n - 1n));
  for (const [i, range] of ranges.slice(1).entries()) {
    expect(BigInt(range?.StartingHashKey ?? 0)).toBe(BigInt(ranges[i]?.EndingHashKey ?? 0) + 1n);
  }

  const { StreamDescriptionSummary: summary } = await client.send(
    new DescribeStreamSummaryCommand({ StreamARN: "arn:aws:kinesis:us-east-1:000000000000:stream/life" }),
  );
  expect(summary).toMatchObject({ StreamName: "life", OpenShardCount: 3, ConsumerCount: 0 });

  const { Shards } = await client.send(new ListShardsCommand({ StreamName: "life", MaxResults: 2 }));
  expect(Shards?.map((shard) => shard.ShardId)).toEqual([SHARD_0, "shardId-000000000001"]);

  const { StreamNames } = await client.send(new ListStreamsCommand({}));
  expect(StreamNames).toContain("life");

  const limits = await client.send(new DescribeLimitsCommand({}));
  expect(limits.OpenShardCount).toBeGreaterThanOrEqual(3);

  const again = await errorOf(client.send(new CreateStreamCommand({ StreamName: "life", ShardCount: 1 })));
  expect(again.name).toBe("ResourceInUseException");

  await client.send(new DeleteStreamCommand({ StreamName: "life" }));
  await waitUntilStreamNotExists({ client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }, { StreamName: "life" });
}, 60_000);

test("a page of shards goes on where it ended", async () => {
  await createStream(client, "pages", 5);
  const ids: string[] = [];
  let next: { StreamName: string } | { NextToken: string } | undefined = { StreamName: "pages" };
  while (next !== undefined) {
    const page: ListShardsCommandOutput = await client.send(new ListShardsCommand({ ...next, MaxResults: 2 }));
    ids.push(...(page.Shards ?? []).map((shard) => shard.ShardId as string));
    next = page.NextToken === undefined ? undefined : { NextToken: page.NextToken };
  }
  expect(ids).toEqual([0, 1, 2, 3, 4].map((n) => `shardId-${String(n).padStart(12, "0")}`));
}, 30_000);

describe("records", () => {
  const sequenceNumbers: string[] = [];
  let thirdArrivedAt: Date;

  beforeAll(async () => {
    await createStream(client, "records", 1);
    for (const text of ["one", "two", "three"]) {
      const put = await client.send(
        new PutRecordCommand({ StreamName: "records", PartitionKey: "k", Data: Buffer.from(text) }),
      );
      expect(put.ShardId).toBe(SHARD_0);
      sequenceNumbers.push(put.SequenceNumber as string);
      await new Promise((resolve) => setTimeout(resolve, 20)); // arrival times that a time stamp can tell apart
    }
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamName: "records", ShardId: SHARD_0, ShardIteratorType: "TRIM_HORIZON" }),
    );
    const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }));
    thirdArrivedAt = Records?.[2]?.ApproximateArrivalTimestamp as Date;
  }, 60_000);

  test("come back in the order of their sequence numbers", async () => {
    expect(await read({ StreamName: "records", ShardIteratorType: "TRIM_HORIZON" })).toEqual(["one", "two", "three"]);
    expect([...sequenceNumbers].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))).toEqual(sequenceNumbers);
    for (const number of sequenceNumbers) expect(number).toMatch(/^4\d{55}$/);
  });

  test("are found at and after a sequence number and at a time", async () => {
    const stream = { StreamName: "records" };
    const at = sequenceNumbers[1] as string;
    expect(await read({ ...stream, ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: at })).toEqual([
      "two",
      "three",
    ]);
    expect(await read({ ...stream, ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: at })).toEqual([
      "three",
    ]);
    expect(await read({ ...stream, ShardIteratorType: "AT_TIMESTAMP", Timestamp: thirdArrivedAt })).toEqual(["three"]);
    expect(await read({ ...stream, ShardIteratorType: "AT_TIMESTAMP", Timestamp: new Date(0) })).toHaveLength(3);
  });

  test("put after a LATEST iterator was taken are what it reads", async () => {
    await createStream(client, "latest", 1);
    await client.send(new PutRecordCommand({ StreamName: "latest", PartitionKey: "k", Data: Buffer.from("before") }));
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamName: "latest", ShardId: SHARD_0, ShardIteratorType: "LATEST" }),
    );
    const empty = await client.send(new GetRecordsCommand({ ShardIterator }));
    expect(empty.Records).toEqual([]);
    expect(empty.MillisBehindLatest).toBe(0);
    await client.send(new PutRecordCommand({ StreamName: "latest", PartitionKey: "k", Data: Buffer.from("after") }));
    const page = await client.send(new GetRecordsCommand({ ShardIterator: empty.NextShardIterator }));
    expect(page.Records?.map((record) => Buffer.from(record.Data ?? []).toString())).toEqual(["after"]);
  }, 30_000);

  test("of one request go to the shards of their keys, in their order, with any bytes in them", async () => {
    await createStream(client, "many", 4);
    const sent = Array.from({ length: 500 }, (_, i) => ({ PartitionKey: `key-${i % 50}`, Data: randomBytes(i % 97) }));
    const { Records, FailedRecordCount } = await client.send(
      new PutRecordsCommand({ StreamName: "many", Records: sent }),
    );
    expect(FailedRecordCount).toBe(0);
    const stored = new Map<string, Buffer>();
    for (const shardId of new Set(Records?.map((entry) => entry.ShardId as string))) {
      const { ShardIterator } = await client.send(
        new GetShardIteratorCommand({ StreamName: "many", ShardId: shardId, ShardIteratorType: "TRIM_HORIZON" }),
      );
      const page = await client.send(new GetRecordsCommand({ ShardIterator }));
      for (const record of page.Records ?? []) {
        stored.set(`${shardId}/${record.SequenceNumber}`, Buffer.from(record.Data ?? []));
      }
    }
    expect(stored.size).toBe(500);
    for (const [i, entry] of (Records ?? []).entries()) {
      expect(stored.get(`${entry.ShardId}/${entry.SequenceNumber}`)).toEqual(sent[i]?.Data);
    }
  }, 30_000);

  test("above a provisioned shard's megabyte a second are throttled, one by one, and can be put again", async () => {
    await createStream(client, "throttled", 1);
    const once = cluster.client({ maxAttempts: 1 });
    const codes = new Map<string, number>();
    for (let request = 0; request < 4; request++) {
      const response = await once
        .send(
          new PutRecordsCommand({
            StreamName: "throttled",
            Records: Array.from({ length: 10 }, () => ({ PartitionKey: "k", Data: randomBytes(100_000) })),
          }),
        )
        .catch((error: Error) => ({ Records: Array.from({ length: 10 }, () => ({ ErrorCode: error.name })) }));
      for (const entry of response.Records ?? []) {
        const code = entry.ErrorCode ?? "stored";
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }
    expect([...codes.keys()].sort()).toEqual(["ProvisionedThroughputExceededException", "stored"]);
    expect(codes.get("stored")).toBeLessThanOrEqual(35);
  }, 30_000);
});

describe("bad input", () => {
  test("of each kind gets Kinesis's error", async () => {
    const missing = await errorOf(client.send(new DescribeStreamSummaryCommand({ StreamName: "nowhere" })));
    expect(missing.name).toBe("ResourceNotFoundException");
    expect(missing.message).toBe("Stream nowhere under account 000000000000 not found.");

    await createStream(client, "strict", 1);
    const cases: [() => Promise<unknown>, string][] = [
      [() => client.send(new GetRecordsCommand({ ShardIterator: "AAAAAAAAAAE" })), "InvalidArgumentException"],
      [
        () =>
          client.send(
            new GetShardIteratorCommand({
              StreamName: "strict",
              ShardId: "shardId-000000000009",
              ShardIteratorType: "LATEST",
            }),
          ),
        "ResourceNotFoundException",
      ],
      [
        () =>
          client.send(
            new GetShardIteratorCommand({
              StreamName: "strict",
              ShardId: SHARD_0,
              ShardIteratorType: "AT_SEQUENCE_NUMBER",
              StartingSequenceNumber: "12",
            }),
          ),
        "InvalidArgumentException",
      ],
      [
        () =>
          client.send(new PutRecordCommand({ StreamName: "strict", PartitionKey: "k", Data: Buffer.alloc(1_048_577) })),
        "ValidationException",
      ],
      [
        () => client.send(new PutRecordCommand({ StreamName: "strict", PartitionKey: "", Data: Buffer.alloc(1) })),
        "ValidationException",
      ],
      [() => client.send(new PutRecordsCommand({ StreamName: "strict", Records: [] })), "ValidationException"],
      [() => client.send(new CreateStreamCommand({ StreamName: "no spaces", ShardCount: 1 })), "ValidationException"],
    ];
    for (const [run, name] of cases) {
      const error = await errorOf(run());
      expect([error.name, error.$metadata.httpStatusCode, error.$fault]).toEqual([name, 400, "client"]);
    }
  }, 30_000);
});
