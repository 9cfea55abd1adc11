import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeCbor, Instant } from "../harness/cbor.ts";
import { eventually } from "../harness/cluster.ts";
import { callRaw, type RawAnswer, type RawOptions } from "../harness/raw.ts";
import { SingleNode } from "../harness/single.ts";

const MIB = 1_048_576;
const SHARD_0 = "shardId-000000000000";
const ENCODINGS = ["json", "cbor"] as const;
let node: SingleNode;

beforeAll(async () => {
  node = await SingleNode.start("--memory", "--quotas", "off", "--streams", "w01,w03,w05,w09,w11:25,w13,w15,w22:250");
}, 30_000);
afterAll(() => node.destroy());

const call = (operation: string, input: unknown, options?: RawOptions): Promise<RawAnswer> =>
  callRaw(node.endpoint, operation, input, options);

async function read(stream: string, options: RawOptions = {}): Promise<Record<string, unknown>[]> {
  const start = await call("GetShardIterator", {
    ...{ StreamName: stream, ShardId: SHARD_0, ShardIteratorType: "TRIM_HORIZON" },
  });
  const page = await call("GetRecords", { ShardIterator: start.body.ShardIterator }, options);
  return page.body.Records as Record<string, unknown>[];
}

async function active(stream: string, region?: string): Promise<void> {
  const options = region === undefined ? {} : { region };
  await eventually(async () => {
    const answer = await call("DescribeStreamSummary", { StreamName: stream }, options);
    return (answer.body.StreamDescriptionSummary as { StreamStatus?: string } | undefined)?.StreamStatus === "ACTIVE";
  }, 10_000);
}

test("W01: dates are milliseconds in CBOR and seconds in JSON, name the same instant, and are found by", async () => {
  const beforeMs = Date.now();
  await call("PutRecord", { StreamName: "w01", PartitionKey: "k", Data: "AA==" });
  const [inJson] = await read("w01");
  const [inCbor] = await read("w01", { encoding: "cbor" });
  const instant = inCbor?.ApproximateArrivalTimestamp as Instant;
  expect(instant).toBeInstanceOf(Instant);
  expect(Math.round((inJson?.ApproximateArrivalTimestamp as number) * 1_000)).toBe(instant.epochMs);
  expect(Math.abs(instant.epochMs - beforeMs)).toBeLessThan(2_000);
  for (const encoding of ENCODINGS) {
    const sinceMs = Date.now() - 60_000;
    const Timestamp = encoding === "cbor" ? new Instant(sinceMs) : sinceMs / 1_000;
    const input = { StreamName: "w01", ShardId: SHARD_0, ShardIteratorType: "AT_TIMESTAMP", Timestamp };
    const { body } = await call("GetShardIterator", input, { encoding });
    const page = await call("GetRecords", { ShardIterator: body.ShardIterator });
    expect(page.body.Records).toHaveLength(1);
  }
});

test("W03: CBOR in every form that writers have is equal; what is cut off is a SerializationException", async () => {
  const entry = { Data: Buffer.from("data"), PartitionKey: "key" };
  const inputs = [
    { StreamName: "w03", Records: [entry, entry], Unknown: { deep: [1, null] } },
    { Records: [{ PartitionKey: "key", Data: Buffer.from("data") }], StreamName: "w03" },
  ];
  for (const input of inputs) {
    for (const indefinite of [true, false]) {
      const bytes = encodeCbor(input, { indefinite });
      const answer = await call("PutRecords", bytes, { encoding: "cbor" });
      expect([answer.status, answer.body.FailedRecordCount]).toEqual([200, 0]);
      for (const cut of [1, bytes.length >> 1, bytes.length - 1]) {
        const broken = await call("PutRecords", bytes.subarray(0, cut), { encoding: "cbor" });
        expect([broken.status, broken.error]).toEqual([400, "SerializationException"]);
      }
    }
  }
  const single = await call("PutRecord", { StreamName: "w03", ...entry, Extra: 1 }, { encoding: "cbor" });
  expect(single.status).toBe(200);
  const stored = await read("w03");
  expect(stored).toHaveLength(7);
  for (const record of stored) expect(Buffer.from(record.Data as string, "base64").toString()).toBe("data");
});

test("W05: data that is none is refused, and nothing of its request is stored; empty data is data", async () => {
  const good = { PartitionKey: "k", Data: "AA==" };
  const bad: [unknown, string][] = [
    [undefined, "ValidationException"],
    [null, "ValidationException"],
    [true, "SerializationException"],
    [1234, "SerializationException"],
    [{}, "SerializationException"],
    [[], "SerializationException"],
  ];
  for (const [Data, error] of bad) {
    const one = await call("PutRecord", { StreamName: "w05", PartitionKey: "k", Data });
    expect([one.status, one.error]).toEqual([400, error]);
    const many = await call("PutRecords", { StreamName: "w05", Records: [good, { PartitionKey: "k", Data }, good] });
    expect([many.status, many.error]).toEqual([400, error]);
  }
  expect(await read("w05")).toEqual([]);
  expect((await call("PutRecord", { StreamName: "w05", PartitionKey: "k", Data: "" })).status).toBe(200);
  expect((await read("w05")).map((record) => record.Data)).toEqual([""]);
});

test("W09: a consumer's ARN ends in its time of creation; lists are empty, never null", async () => {
  const StreamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/w09";
  const register = async (): Promise<string> => {
    const { body } = await call("RegisterStreamConsumer", { StreamARN, ConsumerName: "app" });
    return (body.Consumer as { ConsumerARN: string }).ConsumerARN;
  };
  const first = await register();
  expect(first).toMatch(/^arn:aws:kinesis:us-east-1:000000000000:stream\/w09\/consumer\/app:\d{10}$/);
  expect(Math.abs(Number(first.split(":").at(-1)) - Date.now() / 1_000)).toBeLessThan(5);
  const arns = [first];
  for (let round = 0; round < 4; round++) {
    expect((await call("DeregisterStreamConsumer", { ConsumerARN: arns.at(-1) })).status).toBe(200);
    arns.push(await register());
  }
  expect(new Set(arns).size).toBe(5); // within one second
  const old = await call("DescribeStreamConsumer", { ConsumerARN: first });
  expect(old.error).toBe("ResourceNotFoundException");
  await call("DeregisterStreamConsumer", { ConsumerARN: arns.at(-1) });
  const lists = await call("EnableEnhancedMonitoring", { StreamName: "w09", ShardLevelMetrics: ["IncomingBytes"] });
  expect(lists.body).toMatchObject({ CurrentShardLevelMetrics: [], DesiredShardLevelMetrics: ["IncomingBytes"] });
  expect((await call("ListStreamConsumers", { StreamARN })).body.Consumers).toEqual([]);
  expect((await call("ListTagsForStream", { StreamName: "w09" })).body.Tags).toEqual([]);
});

test("W11: pages of shards by token alone; mixtures and altered tokens are refused", async () => {
  const first = await call("ListShards", { StreamName: "w11", MaxResults: 10 });
  const second = await call("ListShards", { NextToken: first.body.NextToken, MaxResults: 10 });
  const third = await call("ListShards", { NextToken: second.body.NextToken, MaxResults: 10 });
  const pages = [first, second, third].map(({ body }) => body.Shards as { ShardId: string }[]);
  expect(pages.map((page) => page.length)).toEqual([10, 10, 5]);
  expect(new Set(pages.flat().map(({ ShardId }) => ShardId)).size).toBe(25);
  expect(third.body).not.toHaveProperty("NextToken");
  const token = first.body.NextToken as string;
  const StreamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/w11";
  const altered = `${token.slice(0, 20)}${token[20] === "A" ? "B" : "A"}${token.slice(21)}`;
  for (const input of [
    { NextToken: token, StreamName: "w11" },
    { NextToken: token, StreamARN },
    { NextToken: altered },
  ]) {
    const answer = await call("ListShards", input);
    expect([answer.status, answer.error]).toEqual([400, "InvalidArgumentException"]);
  }
});

test("W13: each filter of shards says what it says, over all pages", async () => {
  const split = async (ShardToSplit: string, NewStartingHashKey: string): Promise<void> => {
    expect((await call("SplitShard", { StreamName: "w13", ShardToSplit, NewStartingHashKey })).status).toBe(200);
    await active("w13");
  };
  const createdMs = Date.now();
  await split(SHARD_0, String(2n ** 127n));
  await split("shardId-000000000001", String(2n ** 126n));
  const list = async (ShardFilter: Record<string, unknown>): Promise<number[]> => {
    const found: number[] = [];
    let input: Record<string, unknown> = { StreamName: "w13", ShardFilter };
    for (;;) {
      const { body, status } = await call("ListShards", { ...input, MaxResults: 1 });
      expect(status).toBe(200);
      for (const { ShardId } of body.Shards as { ShardId: string }[]) found.push(Number(ShardId.slice(-12)));
      if (body.NextToken === undefined) return found;
      input = { NextToken: body.NextToken };
    }
  };
  expect(await list({ Type: "AT_LATEST" })).toEqual([2, 3, 4]);
  expect(await list({ Type: "AT_TRIM_HORIZON" })).toEqual([0]);
  expect(await list({ Type: "FROM_TRIM_HORIZON" })).toEqual([0, 1, 2, 3, 4]);
  expect(await list({ Type: "AFTER_SHARD_ID", ShardId: "shardId-000000000002" })).toEqual([3, 4]);
  expect(await list({ Type: "FROM_TIMESTAMP", Timestamp: (createdMs - 60_000) / 1_000 })).toEqual([0, 1, 2, 3, 4]);
  expect(await list({ Type: "AT_TIMESTAMP", Timestamp: (createdMs - 1_000) / 1_000 })).toEqual([0]);
});

test("W15: the exact sizes pass, one more fails as a whole", async () => {
  const record = (dataBytes: number, keyBytes = 1) => ({
    Data: Buffer.alloc(dataBytes).toString("base64"),
    PartitionKey: "k".repeat(keyBytes),
  });
  const putAll = (Records: unknown[]) => call("PutRecords", { StreamName: "w15", Records });
  expect((await putAll(Array.from({ length: 500 }, () => record(1)))).body.FailedRecordCount).toBe(0);
  expect((await putAll(Array.from({ length: 501 }, () => record(1)))).error).toBe("ValidationException");
  expect((await putAll([record(MIB - 10, 10)])).body.FailedRecordCount).toBe(0);
  expect((await putAll([record(10), record(MIB - 9, 10)])).error).toBe("ValidationException");
  expect((await putAll([record(10, 256)])).body.FailedRecordCount).toBe(0);
  expect((await putAll([record(10, 257)])).error).toBe("ValidationException");
  const wide = { Data: "AA==", PartitionKey: "ü".repeat(256) };
  expect((await putAll([wide])).body.FailedRecordCount).toBe(0);
  expect((await putAll([{ ...wide, PartitionKey: "ü".repeat(257) }])).error).toBe("ValidationException");
  // The newest limit of a request is 10 MiB, keys included.
  const full = Array.from({ length: 10 }, () => record(MIB - 8, 8));
  expect((await putAll(full)).body.FailedRecordCount).toBe(0);
  const over = await putAll([...full, record(0, 1)]);
  expect([over.status, over.error]).toEqual([400, "InvalidArgumentException"]);
});

test("W17: each region has its own streams, and its name in their ARNs", async () => {
  for (const region of ["us-east-2", "eu-west-1"]) {
    expect((await call("CreateStream", { StreamName: "w17", ShardCount: 1 }, { region })).status).toBe(200);
    await active("w17", region);
    const { body } = await call("DescribeStreamSummary", { StreamName: "w17" }, { region });
    const { StreamARN } = body.StreamDescriptionSummary as { StreamARN: string };
    expect(StreamARN).toBe(`arn:aws:kinesis:${region}:000000000000:stream/w17`);
  }
  await call("PutRecord", { StreamName: "w17", PartitionKey: "k", Data: "AA==" }, { region: "eu-west-1" });
  expect((await call("DescribeStreamSummary", { StreamName: "w17" })).error).toBe("ResourceNotFoundException");
});

test("W19: parallel puts are all there, once, and a sequential writer's numbers rise", async () => {
  const stream = "w19";
  await call("CreateStream", { StreamName: stream, ShardCount: 2 });
  await active(stream);
  const acknowledged = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        call("PutRecord", { StreamName: stream, PartitionKey: `k${i}`, Data: "AA==" }),
      ),
    );
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      acknowledged.add(`${body.ShardId as string}/${body.SequenceNumber as string}`);
    }
  }
  expect(acknowledged.size).toBe(600);
  const stored: string[] = [];
  for (const shard of [0, 1]) {
    const ShardId = `shardId-00000000000${shard}`;
    const start = await call("GetShardIterator", { StreamName: stream, ShardId, ShardIteratorType: "TRIM_HORIZON" });
    const { body } = await call("GetRecords", { ShardIterator: start.body.ShardIterator });
    const numbers = (body.Records as { SequenceNumber: string }[]).map(({ SequenceNumber }) => SequenceNumber);
    expect(numbers.toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))).toEqual(numbers);
    stored.push(...numbers.map((number) => `${ShardId}/${number}`));
  }
  expect(stored.length).toBe(600);
  expect(new Set(stored)).toEqual(acknowledged);
});

test("W22: DescribeStream pages through 250 shards in order, ListShards gives them at once", async () => {
  for (const [limit, size] of [
    [undefined, 100],
    [10, 10],
    [10_000, 100],
  ] as const) {
    const ids: string[] = [];
    let start: string | undefined;
    for (;;) {
      const input = { StreamName: "w22", Limit: limit, ExclusiveStartShardId: start };
      const { body } = await call("DescribeStream", input);
      const description = body.StreamDescription as { Shards: { ShardId: string }[]; HasMoreShards: boolean };
      const page = description.Shards.map(({ ShardId }) => ShardId);
      expect(page.length).toBe(Math.min(size, 250 - ids.length));
      ids.push(...page);
      expect(description.HasMoreShards).toBe(ids.length < 250);
      start = page.at(-1);
      if (!description.HasMoreShards) break;
    }
    expect(ids).toEqual(Array.from({ length: 250 }, (_, i) => `shardId-${String(i).padStart(12, "0")}`));
  }
  expect((await call("DescribeStream", { StreamName: "w22", Limit: 10_001 })).error).toBe("ValidationException");
  expect((await call("ListShards", { StreamName: "w22" })).body.Shards).toHaveLength(250);
});

describe("W07, X11", () => {
  const ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/w07";
  const stream = { StreamName: "w07" };
  const EMPTY = "no body";
  /** In an order in which each has what it needs; the answer is its members, or that it has no body. */
  const calls: readonly (readonly [string, object, readonly string[] | typeof EMPTY | "refused"])[] = [
    ["CreateStream", { ...stream, ShardCount: 2 }, EMPTY],
    ["DescribeStream", stream, ["StreamDescription"]],
    ["DescribeStreamSummary", stream, ["StreamDescriptionSummary"]],
    ["ListStreams", {}, ["HasMoreStreams", "StreamNames", "StreamSummaries"]],
    ["ListShards", stream, ["Shards"]],
    ["DescribeLimits", {}, ["OnDemandStreamCount", "OnDemandStreamCountLimit", "OpenShardCount", "ShardLimit"]],
    ["PutRecord", { ...stream, PartitionKey: "k", Data: "AA==" }, ["SequenceNumber", "ShardId"]],
    ["PutRecords", { ...stream, Records: [{ PartitionKey: "k", Data: "AA==" }] }, ["FailedRecordCount", "Records"]],
    ["GetShardIterator", { ...stream, ShardId: SHARD_0, ShardIteratorType: "LATEST" }, ["ShardIterator"]],
    ["AddTagsToStream", { ...stream, Tags: { a: "b" } }, EMPTY],
    ["ListTagsForStream", stream, ["HasMoreTags", "Tags"]],
    ["RemoveTagsFromStream", { ...stream, TagKeys: ["a"] }, EMPTY],
    ["TagResource", { ResourceARN: ARN, Tags: { c: "d" } }, EMPTY],
    ["ListTagsForResource", { ResourceARN: ARN }, ["Tags"]],
    ["UntagResource", { ResourceARN: ARN, TagKeys: ["c"] }, EMPTY],
    ["IncreaseStreamRetentionPeriod", { ...stream, RetentionPeriodHours: 48 }, EMPTY],
    ["DecreaseStreamRetentionPeriod", { ...stream, RetentionPeriodHours: 24 }, EMPTY],
    [
      "EnableEnhancedMonitoring",
      { ...stream, ShardLevelMetrics: ["ALL"] },
      ["CurrentShardLevelMetrics", "DesiredShardLevelMetrics", "StreamARN", "StreamName"],
    ],
    [
      "DisableEnhancedMonitoring",
      { ...stream, ShardLevelMetrics: ["ALL"] },
      ["CurrentShardLevelMetrics", "DesiredShardLevelMetrics", "StreamARN", "StreamName"],
    ],
    ["StartStreamEncryption", { ...stream, EncryptionType: "KMS", KeyId: "alias/aws/kinesis" }, EMPTY],
    ["StopStreamEncryption", { ...stream, EncryptionType: "KMS", KeyId: "alias/aws/kinesis" }, EMPTY],
    ["PutResourcePolicy", { ResourceARN: ARN, Policy: '{"Version":"2012-10-17","Statement":[]}' }, EMPTY],
    ["GetResourcePolicy", { ResourceARN: ARN }, ["Policy"]],
    ["DeleteResourcePolicy", { ResourceARN: ARN }, EMPTY],
    ["RegisterStreamConsumer", { StreamARN: ARN, ConsumerName: "app" }, ["Consumer"]],
    ["DescribeStreamConsumer", { StreamARN: ARN, ConsumerName: "app" }, ["ConsumerDescription"]],
    ["ListStreamConsumers", { StreamARN: ARN }, ["Consumers"]],
    ["DeregisterStreamConsumer", { StreamARN: ARN, ConsumerName: "app" }, EMPTY],
    ["DescribeAccountSettings", {}, ["MinimumThroughputBillingCommitment"]],
    [
      "UpdateAccountSettings",
      { MinimumThroughputBillingCommitment: { Status: "DISABLED" } },
      ["MinimumThroughputBillingCommitment"],
    ],
    ["UpdateMaxRecordSize", { StreamARN: ARN, MaxRecordSizeInKiB: 2_048 }, EMPTY],
    [
      "UpdateShardCount",
      { ...stream, TargetShardCount: 1, ScalingType: "UNIFORM_SCALING" },
      ["CurrentShardCount", "StreamARN", "StreamName", "TargetShardCount"],
    ],
    ["SplitShard", { ...stream, ShardToSplit: "shardId-000000000002", NewStartingHashKey: String(2n ** 127n) }, EMPTY],
    [
      "MergeShards",
      { ...stream, ShardToMerge: "shardId-000000000003", AdjacentShardToMerge: "shardId-000000000004" },
      EMPTY,
    ],
    ["UpdateStreamMode", { StreamARN: ARN, StreamModeDetails: { StreamMode: "ON_DEMAND" } }, EMPTY],
    ["UpdateStreamWarmThroughput", { StreamARN: ARN, WarmThroughputMiBps: 10 }, ["StreamARN", "WarmThroughput"]],
    ["UpdateStreamRecordDistributionStrategy", { StreamARN: ARN, RecordDistributionStrategy: "AUTO" }, EMPTY],
    ["DeleteStream", stream, EMPTY],
  ];

  test.each(ENCODINGS)("every operation answers in %s, with the body that its model gives it", async (encoding) => {
    for (const [operation, input, members] of calls) {
      const fixed = encoding === "cbor" ? withBytes(input) : input;
      const answer = await call(operation, fixed, { encoding });
      const seen = [operation, answer.status, answer.error, answer.bytes.length === 0 ? EMPTY : undefined];
      if (members === EMPTY) {
        expect(seen).toEqual([operation, 200, undefined, EMPTY]);
        expect(answer.headers["content-length"]).toBe("0");
      } else {
        expect([...seen, answer.body.message].slice(0, 3)).toEqual([operation, 200, undefined]);
        expect(Object.keys(answer.body)).toEqual(expect.arrayContaining([...members]));
      }
      expect(answer.headers["content-type"]).toBe(`application/x-amz-${encoding}-1.1`);
      if (operation !== "DeleteStream") await active("w07");
    }
    await eventually(async () => (await call("DescribeStreamSummary", stream)).status === 400, 10_000);
  });

  test("X11: an unknown operation is named as one, a known one that is not served is refused in words", async () => {
    const unknown = await call("MakeCoffee", {});
    expect([unknown.status, unknown.error]).toEqual([400, "UnknownOperationException"]);
  });

  /** Blobs are bytes in CBOR. */
  function withBytes(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(withBytes);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        key === "Data" ? Buffer.from(item as string, "base64") : withBytes(item),
      ]),
    );
  }
});
