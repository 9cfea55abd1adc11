/** What the fuzzer sends, from one seed: the same seed sends the same. */
import { encodeCbor, Instant } from "../harness/cbor.ts";

export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** mulberry32. From 0 to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

const STREAM = "fuzz";
const ARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${STREAM}`;
const SHARD_0 = "shardId-000000000000";

/** Legal inputs, to begin from. What ends the stream is left out; what reshards it is bounded by the test's own quota. */
const SEEDS: readonly (readonly [operation: string, input: object])[] = [
  ["PutRecord", { StreamName: STREAM, PartitionKey: "k", Data: "AAAA", ExplicitHashKey: "12" }],
  ["PutRecord", { StreamARN: ARN, PartitionKey: "k", Data: "", SequenceNumberForOrdering: "1", DryRun: true }],
  [
    "PutRecords",
    {
      StreamName: STREAM,
      Records: [
        { PartitionKey: "a", Data: "AA==" },
        { PartitionKey: "b", Data: "" },
      ],
    },
  ],
  ["GetShardIterator", { StreamName: STREAM, ShardId: SHARD_0, ShardIteratorType: "TRIM_HORIZON" }],
  [
    "GetShardIterator",
    { StreamName: STREAM, ShardId: SHARD_0, ShardIteratorType: "AT_TIMESTAMP", Timestamp: 1_700_000_000.5 },
  ],
  [
    "GetShardIterator",
    {
      StreamName: STREAM,
      ShardId: SHARD_0,
      ShardIteratorType: "AFTER_SEQUENCE_NUMBER",
      StartingSequenceNumber: "49680553086958502699410143177723105401100303182885552162",
    },
  ],
  ["GetRecords", { ShardIterator: "AAAAAAAAAAE", Limit: 10, StreamARN: ARN }],
  [
    "ListShards",
    { StreamName: STREAM, MaxResults: 1, ShardFilter: { Type: "AT_TIMESTAMP", Timestamp: 1_700_000_000 } },
  ],
  ["ListShards", { NextToken: "AAAA" }],
  ["DescribeStream", { StreamName: STREAM, Limit: 1, ExclusiveStartShardId: SHARD_0 }],
  ["DescribeStreamSummary", { StreamARN: ARN }],
  ["ListStreams", { Limit: 1, ExclusiveStartStreamName: "a", NextToken: "b" }],
  ["DescribeLimits", {}],
  [
    "CreateStream",
    { StreamName: STREAM, ShardCount: 1, StreamModeDetails: { StreamMode: "PROVISIONED" }, Tags: { a: "b" } },
  ],
  ["AddTagsToStream", { StreamName: STREAM, Tags: { a: "b" } }],
  ["RemoveTagsFromStream", { StreamName: STREAM, TagKeys: ["a"] }],
  ["ListTagsForStream", { StreamName: STREAM, Limit: 2 }],
  ["TagResource", { ResourceARN: ARN, Tags: { c: "d" } }],
  ["RegisterStreamConsumer", { StreamARN: ARN, ConsumerName: "app" }],
  ["DescribeStreamConsumer", { StreamARN: ARN, ConsumerName: "app" }],
  ["ListStreamConsumers", { StreamARN: ARN, MaxResults: 1 }],
  [
    "SubscribeToShard",
    { ConsumerARN: `${ARN}/consumer/app:1`, ShardId: SHARD_0, StartingPosition: { Type: "LATEST" } },
  ],
  ["IncreaseStreamRetentionPeriod", { StreamName: STREAM, RetentionPeriodHours: 24 }],
  ["EnableEnhancedMonitoring", { StreamName: STREAM, ShardLevelMetrics: ["ALL"] }],
  ["StartStreamEncryption", { StreamName: STREAM, EncryptionType: "KMS", KeyId: "alias/aws/kinesis" }],
  ["PutResourcePolicy", { ResourceARN: ARN, Policy: '{"Version":"2012-10-17"}' }],
  ["GetResourcePolicy", { ResourceARN: ARN }],
  ["UpdateMaxRecordSize", { StreamARN: ARN, MaxRecordSizeInKiB: 1_024 }],
  ["UpdateAccountSettings", { MinimumThroughputBillingCommitment: { Status: "DISABLED" } }],
  [
    "SplitShard",
    { StreamName: "nowhere", ShardToSplit: SHARD_0, NewStartingHashKey: "170141183460469231731687303715884105728" },
  ],
  ["MergeShards", { StreamName: "nowhere", ShardToMerge: SHARD_0, AdjacentShardToMerge: "shardId-000000000001" }],
  ["UpdateShardCount", { StreamName: "nowhere", TargetShardCount: 2, ScalingType: "UNIFORM_SCALING" }],
  ["ReceiveQueueRecords", { QueueARN: ARN }],
  ["MakeCoffee", { Strong: true }],
];

const STRANGE: readonly (() => unknown)[] = [
  () => null,
  () => true,
  () => -1,
  () => 0.5,
  () => 2 ** 53 + 2,
  () => -(2 ** 40),
  () => "",
  () => "x".repeat(3_000),
  () => "\u0000\ud800",
  () => "🦀".repeat(300),
  () => "__proto__",
  () => [],
  () => Array.from({ length: 600 }, () => ({})),
  () => ({}),
  () => ({ __proto__x: 1, constructor: { prototype: {} } }),
  () => nested(120),
  () => nested(5),
  () => new Instant(-1),
  () => new Instant(9e15),
];

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

export interface FuzzRequest {
  readonly operation: string;
  readonly encoding: "json" | "cbor";
  readonly body: Buffer;
}

export function nextRequest(dice: Dice): FuzzRequest {
  const [operation, seed] = dice.pick(SEEDS);
  const encoding = dice.pick(["json", "cbor"] as const);
  let input: unknown = seed;
  for (let changes = dice.below(3); changes > 0; changes--) input = changed(dice, input, 0);
  if (encoding === "cbor") input = bytesFor(input);
  let body = encoding === "cbor" ? encodeCbor(input, { indefinite: dice.next() < 0.5 }) : Buffer.from(toJson(input));
  if (dice.next() < 0.4) body = mutated(dice, body);
  return { operation, encoding, body };
}

/** The same tree with one thing in it replaced, left out or added. */
function changed(dice: Dice, value: unknown, depth: number): unknown {
  const isTree = typeof value === "object" && value !== null && !(value instanceof Instant);
  if (!isTree || (depth > 0 && dice.next() < 0.3)) return dice.pick(STRANGE)();
  if (Array.isArray(value)) {
    const items = [...(value as unknown[])];
    const at = dice.below(items.length + 1);
    items[at] = at === items.length ? dice.pick(STRANGE)() : changed(dice, items[at], depth + 1);
    return items;
  }
  const entries = Object.entries(value as object);
  if (entries.length === 0 || dice.next() < 0.15)
    return { ...value, [dice.pick(["Unknown", "StreamName", "Records"])]: 1 };
  const [key, old] = dice.pick(entries) as [string, unknown];
  if (dice.next() < 0.2) return Object.fromEntries(entries.filter(([name]) => name !== key));
  return { ...value, [key]: changed(dice, old, depth + 1) };
}

function bytesFor(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bytesFor);
  if (typeof value !== "object" || value === null || value instanceof Instant) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === "Data" && typeof item === "string" ? Buffer.from(item, "base64") : bytesFor(item),
    ]),
  );
}

function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (item instanceof Instant ? item.epochMs : item)) ?? "null";
}

/** Bytes changed, taken out, doubled, moved or cut. */
export function mutated(dice: Dice, bytes: Buffer): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = 1 + dice.below(4); changes > 0; changes--) {
    const at = dice.below(result.length + 1);
    const end = Math.min(result.length, at + 1 + dice.below(8));
    switch (dice.below(5)) {
      case 0:
        if (at < result.length) result[at] = dice.below(256);
        break;
      case 1:
        result = Buffer.concat([result.subarray(0, at), result.subarray(end)]);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, end), result.subarray(at)]);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, at), Buffer.from([dice.below(256)]), result.subarray(at)]);
        break;
      default:
        result = result.subarray(0, at);
    }
  }
  return result;
}

const TARGET = "Kinesis_20131202.";

/** Headers that are sometimes missing, doubled, long, or of another kind. */
export function nextHeaders(dice: Dice, { operation, encoding }: FuzzRequest): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": `application/x-amz-${encoding}-1.1`,
    "x-amz-target": `${TARGET}${operation}`,
    "x-amz-date": "20261125T120000Z",
    authorization:
      "AWS4-HMAC-SHA256 Credential=test/20261125/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00",
  };
  if (dice.next() < 0.7) return headers;
  const name = dice.pick(Object.keys(headers));
  const printable = mutated(dice, Buffer.from(headers[name] ?? ""))
    .toString("latin1")
    .replace(/[^\x20-\x7e]/g, "?");
  if (dice.next() < 0.3) delete headers[name];
  else headers[name] = dice.pick([printable, "", "x".repeat(2_000), `${headers[name]}, ${headers[name]}`]);
  headers[dice.pick(["amz-sdk-invocation-id", "amz-sdk-request", "origin", "x-amz-security-token"])] = printable;
  return headers;
}
