import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./harness/cluster.ts";
import { callRaw, type RawAnswer, type RawOptions } from "./harness/raw.ts";
import { SingleNode } from "./harness/single.ts";

const ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/auto";
let node: SingleNode;

beforeAll(async () => {
  node = await SingleNode.start("--memory", "--quotas", "off", "--streams", "auto:on-demand,keyed:2");
}, 30_000);
afterAll(() => node.destroy());

const call = (operation: string, input: unknown, options?: RawOptions): Promise<RawAnswer> =>
  callRaw(node.endpoint, operation, input, options);

const strategy = async (): Promise<unknown> => {
  const { body } = await call("DescribeStreamSummary", { StreamName: "auto" });
  return (body.StreamDescriptionSummary as { RecordDistributionStrategy?: string }).RecordDistributionStrategy;
};

const countsByShard = (answer: RawAnswer): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const { ShardId } of answer.body.Records as { ShardId: string }[]) {
    counts.set(ShardId, (counts.get(ShardId) ?? 0) + 1);
  }
  return counts;
};

test("a stream that distributes its records by itself takes them without keys and ignores keys; others do not", async () => {
  const bare = { StreamName: "auto", Data: "AA==" };
  for (const encoding of ["json", "cbor"] as const) {
    const input = encoding === "cbor" ? { ...bare, Data: Buffer.alloc(1) } : bare;
    const refused = await call("PutRecord", input, { encoding });
    expect([refused.error, refused.body.message]).toEqual([
      "ValidationException",
      expect.stringContaining("Value null at 'partitionKey' failed to satisfy constraint: Member must not be null"),
    ]);
  }
  expect(await strategy()).toBe("USER_PARTITION_KEY");
  const auto = { StreamARN: ARN, RecordDistributionStrategy: "AUTO" };
  expect((await call("UpdateStreamRecordDistributionStrategy", auto)).status).toBe(200);
  expect(await strategy()).toBe("AUTO");
  expect((await call("PutRecord", { ...bare, StreamName: "keyed" })).error).toBe("ValidationException");

  const shards = new Set<string>();
  for (let i = 0; i < 40; i++) shards.add((await call("PutRecord", bare)).body.ShardId as string);
  expect(shards.size).toBe(4);
  expect((await call("PutRecord", { StreamARN: ARN, Data: "AA==" })).status).toBe(200);

  // One key and one hash key for all of them: on any other stream all would be in one shard.
  const Records = Array.from({ length: 500 }, () => ({ PartitionKey: "same", ExplicitHashKey: "0", Data: "AA==" }));
  let widest = 0;
  for (let i = 0; i < 10; i++) {
    widest = Math.max(widest, countsByShard(await call("PutRecords", { StreamName: "auto", Records })).size);
  }
  expect(widest).toBeGreaterThan(1);
});

test("warm throughput and the distribution of records are kept from CreateStream and UpdateStreamMode on, on demand only", async () => {
  const made = { StreamName: "made", WarmThroughputMiBps: 7, RecordDistributionStrategy: "AUTO" };
  for (const part of [{ WarmThroughputMiBps: 7 }, { RecordDistributionStrategy: "AUTO" }]) {
    const refused = await call("CreateStream", { StreamName: "made", ShardCount: 1, ...part });
    expect(refused.body.message).toMatch(/needs a stream in ON_DEMAND mode\.$/);
  }
  const summary = async (): Promise<Record<string, unknown>> => {
    const { body } = await call("DescribeStreamSummary", { StreamName: "made" });
    return body.StreamDescriptionSummary as Record<string, unknown>;
  };
  expect((await call("CreateStream", made)).status).toBe(200);
  expect(await summary()).toMatchObject({
    RecordDistributionStrategy: "AUTO",
    WarmThroughput: { TargetMiBps: 7, CurrentMiBps: 7 },
  });
  await eventually(async () => (await summary()).StreamStatus === "ACTIVE", 10_000);
  const turn = (StreamMode: string, WarmThroughputMiBps?: number) => {
    const StreamARN = ARN.replace("auto", "made");
    return call("UpdateStreamMode", { StreamARN, StreamModeDetails: { StreamMode }, WarmThroughputMiBps });
  };
  expect((await turn("PROVISIONED", 9)).error).toBe("InvalidArgumentException");
  expect((await turn("PROVISIONED")).status).toBe(200);
  expect(await summary()).not.toHaveProperty("WarmThroughput");
  expect((await turn("ON_DEMAND", 9)).status).toBe(200);
  expect(await summary()).toMatchObject({ WarmThroughput: { TargetMiBps: 9, CurrentMiBps: 9 } });
});

test("a repeated request finds its records where the first attempt left them", async () => {
  const headers = { "amz-sdk-invocation-id": "6f1c2f40-0000-4000-8000-000000000001" };
  const input = { StreamName: "auto", Records: Array.from({ length: 300 }, (_, i) => ({ Data: btoa(`${i}`) })) };
  const attempt = (n: number) =>
    call("PutRecords", input, { headers: { ...headers, "amz-sdk-request": `attempt=${n}; max=3` } });
  const first = await attempt(1);
  expect(first.body.FailedRecordCount).toBe(0);
  expect((await attempt(2)).body.Records).toEqual(first.body.Records);
});

test("records without a key are read without one", async () => {
  const { body } = await call("PutRecord", { StreamName: "auto", Data: btoa("bare") });
  for (const encoding of ["json", "cbor"] as const) {
    const position = { ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: body.SequenceNumber };
    const start = await call("GetShardIterator", { StreamName: "auto", ShardId: body.ShardId, ...position });
    await eventually(async () => {
      const page = await call("GetRecords", { ShardIterator: start.body.ShardIterator }, { encoding });
      const [record] = page.body.Records as Record<string, unknown>[];
      if (record === undefined) return false;
      expect(Object.keys(record).toSorted()).toEqual(["ApproximateArrivalTimestamp", "Data", "SequenceNumber"]);
      return true;
    }, 5_000);
  }
});
