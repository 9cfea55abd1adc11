/**
 * Kinesis's quotas, in one table. They hold where the cluster's setting is "aws", and none does where it is "off". What is
 * replicated or per shard is counted where it is known; the table names the place.
 * Rates of the control plane are counted by each gateway for itself, with a burst of two seconds' worth.
 */
import { awsError } from "./errors.ts";
import type { OperationName } from "./model/shapes.ts";

/** Calls a second, of one account in one region, one of its streams, or one shard of a stream. */
export interface RateQuota {
  readonly perSecond: number;
  readonly of: "account" | "stream" | "shard";
}

const account = (perSecond: number): RateQuota => ({ perSecond, of: "account" });
const stream = (perSecond: number): RateQuota => ({ perSecond, of: "stream" });

export const RATE_QUOTAS: Partial<Record<OperationName, RateQuota>> = {
  CreateStream: account(5),
  DeleteStream: account(5),
  ListStreams: account(5),
  AddTagsToStream: account(5),
  RemoveTagsFromStream: account(5),
  ListTagsForStream: account(5),
  TagResource: account(5),
  UntagResource: account(5),
  ListTagsForResource: account(5),
  SplitShard: account(5),
  MergeShards: account(5),
  RegisterStreamConsumer: account(5),
  DescribeAccountSettings: account(5),
  UpdateAccountSettings: account(5),
  UpdateStreamWarmThroughput: account(5),
  DescribeStream: account(10),
  UpdateShardCount: account(10),
  DescribeStreamSummary: account(20),
  DescribeLimits: account(1),
  IncreaseStreamRetentionPeriod: stream(5),
  DecreaseStreamRetentionPeriod: stream(5),
  EnableEnhancedMonitoring: stream(5),
  DisableEnhancedMonitoring: stream(5),
  StartStreamEncryption: stream(5),
  StopStreamEncryption: stream(5),
  UpdateStreamMode: stream(5),
  UpdateMaxRecordSize: stream(5),
  DeregisterStreamConsumer: stream(5),
  ListStreamConsumers: stream(5),
  PutResourcePolicy: stream(5),
  GetResourcePolicy: stream(5),
  DeleteResourcePolicy: stream(5),
  DescribeStreamConsumer: stream(20),
  ListShards: stream(1_000),
  GetShardIterator: { perSecond: 5, of: "shard" },
};

/** The other quotas: what, how much, and where it is counted. For documents; the code there has the figure. */
export const OTHER_QUOTAS: readonly (readonly [what: string, limit: string, countedIn: string])[] = [
  ["write to a provisioned shard", "1,000 records/s and 1 MiB/s", "broker/src/shard/quotas.ts"],
  ["GetRecords from a provisioned shard", "5 calls/s and 2 MiB/s", "broker/src/shard/quotas.ts"],
  ["SubscribeToShard, each consumer and shard", "2 MiB/s", "gateway/src/operations/subscribe-to-shard.ts"],
  ["subscriptions of a consumer to a shard", "1, a new one after 5 s", "broker/src/shard/subscription-claims.ts"],
  ["open shards of an account's provisioned streams", "500", "controller/src/decisions/limits.ts"],
  ["the same, and on-demand streams, by UpdateStreamMode", "as above", "gateway/src/operations/update-stream-mode.ts"],
  ["streams being created", "5", "controller/src/decisions/limits.ts"],
  ["on-demand streams", "50", "controller/src/decisions/limits.ts"],
  ["consumers of a stream", "20", "controller/src/decisions/consumers.ts"],
  ["tags of a stream, and of a consumer", "50", "controller/src/decisions/limits.ts"],
  ["PutRecords", "500 records, 10 MiB with keys", "gateway/src/records/put-records.ts"],
  ["GetRecords", "10,000 records, 10 MiB", "gateway/src/operations/get-records.ts"],
];

/**
 * What AWS counts and Millrace does not. Those of a day keep one customer's changes from costing the others, and here there are no
 * others: a cluster reshards as often as its owner asks.
 */
export const QUOTAS_NOT_HELD: readonly (readonly [what: string, limit: string])[] = [
  ["UpdateShardCount, each stream", "10 in 24 hours"],
  ["UpdateStreamMode, each stream", "2 in 24 hours"],
  ["StartStreamEncryption, each stream", "25 in 24 hours"],
];

const BURST_S = 2;
/** Of accounts, streams and shards that are counted; the one that has been quiet for the longest is forgotten, full. */
const COUNTED_MAX = 10_000;

export interface RateSubject {
  readonly accountId: string;
  readonly region: string;
  /** As the request names it, by name or in any ARN of it. */
  readonly stream: string | undefined;
  readonly shardId: string | undefined;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Counts the calls that this gateway is asked for. */
export class RateQuotas {
  readonly #buckets = new Map<string, Bucket>();

  /** @throws AwsError STREAM_RATE_EXCEEDED, ACCOUNT_RATE_EXCEEDED, READ_RATE_EXCEEDED */
  take(operation: OperationName, subject: RateSubject, nowMs: number): void {
    const quota = RATE_QUOTAS[operation];
    if (quota === undefined) return;
    const { accountId, region, stream: name = "", shardId = "" } = subject;
    const parts = [operation, accountId, region];
    if (quota.of !== "account") parts.push(name);
    if (quota.of === "shard") parts.push(shardId);
    if (this.#tryTake(parts.join("/"), quota.perSecond, nowMs)) return;
    switch (quota.of) {
      case "account":
        throw awsError("ACCOUNT_RATE_EXCEEDED", { accountId });
      case "stream":
        throw awsError("STREAM_RATE_EXCEEDED", { stream: name, accountId });
      case "shard":
        throw awsError("READ_RATE_EXCEEDED", { shardId, stream: name, accountId });
    }
  }

  #tryTake(key: string, perSecond: number, nowMs: number): boolean {
    const full = perSecond * BURST_S;
    const bucket = this.#buckets.get(key) ?? { tokens: full, atMs: nowMs };
    const elapsedMs = Math.max(0, nowMs - bucket.atMs);
    bucket.tokens = Math.min(full, bucket.tokens + (elapsedMs * perSecond) / 1_000);
    bucket.atMs = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > COUNTED_MAX) {
      const [quietest] = this.#buckets.keys();
      if (quietest !== undefined) this.#buckets.delete(quietest);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}

const STREAM_OF_ARN = /:stream\/([a-zA-Z0-9_.-]+)/;

/** What a typed input is about. */
export function rateSubjectOf(
  input: object,
  { accountId, region }: { readonly accountId: string; readonly region: string },
): RateSubject {
  const { StreamName, StreamARN, ResourceARN, ConsumerARN, ShardId } = input as Readonly<Record<string, unknown>>;
  const arn = [StreamARN, ResourceARN, ConsumerARN].find((value) => typeof value === "string");
  const named = typeof arn === "string" ? STREAM_OF_ARN.exec(arn)?.[1] : undefined;
  return {
    accountId,
    region,
    stream: typeof StreamName === "string" ? StreamName : named,
    shardId: typeof ShardId === "string" ? ShardId : undefined,
  };
}
