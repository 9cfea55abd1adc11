import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Instant } from "./harness/cbor.ts";
import { eventually } from "./harness/cluster.ts";
import { callRaw, type RawAnswer } from "./harness/raw.ts";
import { SingleNode } from "./harness/single.ts";

/**
 * Every operation's request and answer, as a client sees them, in both encodings: `testdata/golden/operations-*.txt`. What differs from
 * run to run (times, numbers, ids, tokens) has its name in place of its value. `vitest -u` rewrites the files.
 */
const DIRECTORY = fileURLToPath(new URL("../testdata/golden/", import.meta.url));
const ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/golden";
const SHARD_0 = "shardId-000000000000";
const stream = { StreamName: "golden" };
const consumer = { StreamARN: ARN, ConsumerName: "app" };
let node: SingleNode;

beforeAll(async () => {
  node = await SingleNode.start("--memory", "--quotas", "off", "--streams", "bystander");
}, 30_000);
afterAll(() => node.destroy());

/** In an order in which each has what it needs; `$name` stands for what an earlier answer had. */
const CALLS: readonly (readonly [operation: string, input: object])[] = [
  ["CreateStream", { ...stream, ShardCount: 1, Tags: { team: "a" } }],
  ["CreateStream", { ...stream, ShardCount: 1 }],
  ["CreateStream", { StreamName: "no spaces", ShardCount: 0 }],
  ["DescribeStream", stream],
  ["DescribeStream", { StreamName: "nowhere" }],
  ["DescribeStreamSummary", { StreamARN: ARN }],
  ["DescribeStreamSummary", {}],
  ["ListStreams", {}],
  ["ListStreams", { Limit: 1 }],
  ["ListShards", { ...stream, ShardFilter: { Type: "AT_LATEST" } }],
  ["ListShards", { ...stream, NextToken: "AAAA" }],
  ["DescribeLimits", {}],
  ["DescribeAccountSettings", {}],
  ["UpdateAccountSettings", { MinimumThroughputBillingCommitment: { Status: "DISABLED" } }],
  ["PutRecord", { ...stream, PartitionKey: "k", Data: "aGk=" }],
  ["PutRecord", { ...stream, PartitionKey: "k" }],
  ["PutRecord", { ...stream, PartitionKey: "k", Data: "aGk=", ExplicitHashKey: "-1" }],
  [
    "PutRecords",
    {
      ...stream,
      Records: [
        { PartitionKey: "a", Data: "AQ==" },
        { PartitionKey: "b", Data: "" },
      ],
    },
  ],
  ["PutRecords", { ...stream, Records: [] }],
  ["GetShardIterator", { ...stream, ShardId: SHARD_0, ShardIteratorType: "TRIM_HORIZON" }],
  ["GetRecords", { ShardIterator: "$ShardIterator", Limit: 2 }],
  ["GetRecords", { ShardIterator: "AAAA" }],
  ["GetShardIterator", { ...stream, ShardId: "shardId-000000000009", ShardIteratorType: "LATEST" }],
  ["GetShardIterator", { ...stream, ShardId: SHARD_0, ShardIteratorType: "AT_SEQUENCE_NUMBER" }],
  ["AddTagsToStream", { ...stream, Tags: { tier: "b" } }],
  ["ListTagsForStream", { ...stream, Limit: 1 }],
  ["RemoveTagsFromStream", { ...stream, TagKeys: ["tier"] }],
  ["TagResource", { ResourceARN: ARN, Tags: { cost: "1" } }],
  ["ListTagsForResource", { ResourceARN: ARN }],
  ["UntagResource", { ResourceARN: ARN, TagKeys: ["cost"] }],
  ["IncreaseStreamRetentionPeriod", { ...stream, RetentionPeriodHours: 48 }],
  ["IncreaseStreamRetentionPeriod", { ...stream, RetentionPeriodHours: 25 }],
  ["DecreaseStreamRetentionPeriod", { ...stream, RetentionPeriodHours: 24 }],
  ["DecreaseStreamRetentionPeriod", { ...stream, RetentionPeriodHours: 23 }],
  ["EnableEnhancedMonitoring", { ...stream, ShardLevelMetrics: ["IncomingBytes"] }],
  ["DisableEnhancedMonitoring", { ...stream, ShardLevelMetrics: ["ALL"] }],
  ["StartStreamEncryption", { ...stream, EncryptionType: "KMS", KeyId: "alias/aws/kinesis" }],
  ["StopStreamEncryption", { ...stream, EncryptionType: "KMS", KeyId: "alias/aws/kinesis" }],
  ["GetResourcePolicy", { ResourceARN: ARN }],
  ["PutResourcePolicy", { ResourceARN: ARN, Policy: '{"Version":"2012-10-17","Statement":[]}' }],
  ["GetResourcePolicy", { ResourceARN: ARN }],
  ["DeleteResourcePolicy", { ResourceARN: ARN }],
  ["DeleteResourcePolicy", { ResourceARN: ARN }],
  ["RegisterStreamConsumer", consumer],
  ["RegisterStreamConsumer", consumer],
  ["DescribeStreamConsumer", consumer],
  ["ListStreamConsumers", { StreamARN: ARN }],
  [
    "SubscribeToShard",
    { ConsumerARN: `${ARN}/consumer/other:1`, ShardId: SHARD_0, StartingPosition: { Type: "LATEST" } },
  ],
  ["DeleteStream", stream],
  ["DeregisterStreamConsumer", consumer],
  ["DeregisterStreamConsumer", consumer],
  ["UpdateMaxRecordSize", { StreamARN: ARN, MaxRecordSizeInKiB: 2_048 }],
  ["UpdateMaxRecordSize", { StreamARN: ARN, MaxRecordSizeInKiB: 1 }],
  ["SplitShard", { ...stream, ShardToSplit: SHARD_0, NewStartingHashKey: String(2n ** 127n) }],
  ["SplitShard", { ...stream, ShardToSplit: SHARD_0, NewStartingHashKey: String(2n ** 127n) }],
  ["ListShards", stream],
  ["MergeShards", { ...stream, ShardToMerge: "shardId-000000000002", AdjacentShardToMerge: "shardId-000000000001" }],
  ["MergeShards", { ...stream, ShardToMerge: "shardId-000000000001", AdjacentShardToMerge: "shardId-000000000002" }],
  ["UpdateShardCount", { ...stream, TargetShardCount: 2, ScalingType: "UNIFORM_SCALING" }],
  ["UpdateShardCount", { ...stream, TargetShardCount: 9, ScalingType: "UNIFORM_SCALING" }],
  ["UpdateStreamRecordDistributionStrategy", { StreamARN: ARN, RecordDistributionStrategy: "AUTO" }],
  ["UpdateStreamMode", { StreamARN: ARN, StreamModeDetails: { StreamMode: "ON_DEMAND" } }],
  ["UpdateStreamRecordDistributionStrategy", { StreamARN: ARN, RecordDistributionStrategy: "AUTO" }],
  ["UpdateStreamWarmThroughput", { StreamARN: ARN, WarmThroughputMiBps: 10 }],
  ["UpdateShardCount", { ...stream, TargetShardCount: 1, ScalingType: "UNIFORM_SCALING" }],
  ["DescribeStreamSummary", stream],
  ["CreateQueue", { QueueName: "q" }],
  ["MakeCoffee", {}],
  ["DeleteStream", { ...stream, EnforceConsumerDeletion: true }],
];

test.each(["json", "cbor"] as const)("every operation in %s", async (encoding) => {
  const known: Record<string, unknown> = {};
  const lines: string[] = [];
  for (const [operation, input] of CALLS) {
    const sent = Object.fromEntries(
      Object.entries(input).map(([key, value]) => [
        key,
        typeof value === "string" && value.startsWith("$") ? known[value.slice(1)] : value,
      ]),
    );
    const answer = await callRaw(node.endpoint, operation, encoding === "cbor" ? withBytes(sent) : sent, { encoding });
    Object.assign(known, answer.body);
    lines.push(`> ${operation} ${JSON.stringify(input)}`, `< ${answer.status} ${shown(answer)}`, "");
    await settled();
  }
  await expect(`${lines.join("\n")}`).toMatchFileSnapshot(`${DIRECTORY}operations-${encoding}.txt`);
  await eventually(async () => (await callRaw(node.endpoint, "DescribeStreamSummary", stream)).status === 400, 10_000);
});

/** Until the stream is not changing any more. */
async function settled(): Promise<void> {
  await eventually(async () => {
    const { body } = await callRaw(node.endpoint, "DescribeStreamSummary", stream);
    const status = (body.StreamDescriptionSummary as { StreamStatus?: string } | undefined)?.StreamStatus;
    return status === undefined || status === "ACTIVE" || status === "DELETING";
  }, 10_000);
}

const NAMES: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/"(4\d{55})"/g, '"<sequence number>"'],
  [/"(ShardIterator|NextShardIterator|NextToken)":"[^"]{40,}"/g, '"$1":"<token>"'],
  [/"MillisBehindLatest":\d+/g, '"MillisBehindLatest":<ms>'],
  [/\b1[78]\d{8}(\.\d+)?\b/g, "<time>"],
];

function shown({ body, bytes }: RawAnswer): string {
  if (bytes.length === 0) return "(no body)";
  const text = JSON.stringify(body, (_, value: unknown) => {
    if (value instanceof Instant) return `<time in ms of ${String(value.epochMs).length} digits>`;
    const blob = value as { type?: string; data?: number[] } | null;
    return blob?.type === "Buffer" ? `<bytes ${Buffer.from(blob.data ?? []).toString("hex")}>` : value;
  });
  return NAMES.reduce((line, [pattern, name]) => line.replace(pattern, name), text);
}

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
