import type { ClusterMetadata, ShardView, StreamView } from "@millrace/client";
import { formatSequenceNumber, parseShardId, SEQUENCE_INDEX_MAX } from "@millrace/proto";
import { HOUR_MS } from "@millrace/util";
import { arnOfStream, parseArn } from "./arns.ts";
import { type AwsError, awsError } from "./errors.ts";
import type { ChildShard, EnhancedMetrics, Shard } from "./model/generated/kinesis-types.ts";

/** How a request names its stream, and who asks. */
export interface StreamReference {
  readonly StreamName?: string | undefined;
  readonly StreamARN?: string | undefined;
}

export interface Caller {
  readonly accountId: string;
  readonly region: string;
}

export interface StreamName extends Caller {
  readonly name: string;
}

/** @throws AwsError STREAM_UNNAMED, STREAM_MISMATCH, RESOURCE_NOT_FOUND, STREAM_NOT_FOUND */
export function streamNameOf({ StreamName, StreamARN }: StreamReference, caller: Caller): StreamName {
  if (StreamARN === undefined) {
    if (StreamName === undefined) throw awsError("STREAM_UNNAMED", {});
    return { ...caller, name: StreamName };
  }
  const arn = parseArn(StreamARN, caller.region);
  if (arn === undefined || arn.consumer !== undefined) {
    throw awsError("RESOURCE_NOT_FOUND", { text: `Resource ${StreamARN} not found.` });
  }
  const { key } = arn;
  if (StreamName !== undefined && StreamName !== key.name) {
    throw awsError("STREAM_MISMATCH", { stream: StreamName, streamArn: StreamARN });
  }
  if (!arn.isHere) throw awsError("STREAM_NOT_FOUND", { stream: key.name, accountId: key.accountId });
  return key;
}

/** @throws AwsError STREAM_NOT_FOUND and those of the reference */
export function streamOf(metadata: ClusterMetadata, reference: StreamReference, caller: Caller): StreamView {
  const { accountId, region, name } = streamNameOf(reference, caller);
  const stream = metadata.stream(accountId, region, name);
  if (stream === undefined) throw awsError("STREAM_NOT_FOUND", { stream: name, accountId });
  return stream;
}

/** A name may have become another stream's since. @throws AwsError STREAM_NOT_FOUND */
export function checkCreation({ stream, key }: StreamView, createdAtMs: number | undefined): void {
  if (createdAtMs === undefined) return;
  if (Math.floor(createdAtMs / 1_000) === Math.floor(stream.createdAtMs / 1_000)) return;
  throw awsError("STREAM_NOT_FOUND", { stream: key.name, accountId: key.accountId });
}

export function streamArn({ key }: Pick<StreamView, "key">): string {
  return arnOfStream(key);
}

export function notActive({ key, stream }: StreamView): AwsError {
  return awsError("STREAM_NOT_ACTIVE", { stream: key.name, accountId: key.accountId, state: stream.status });
}

/** Of a listing's exclusive start, which need not exist: ids are in the order of their numbers, what is none in that of texts. */
export function isShardAfter({ shard, shardId }: ShardView, start: string): boolean {
  const number = parseShardId(start);
  return number === undefined ? shardId > start : shard.number > number;
}

/** Epoch milliseconds; infinity while it is open. Its children begin with the second after its closing. */
export function endOf({ closedAtS }: Pick<ShardView["shard"], "closedAtS">): number {
  return closedAtS === 0 ? Infinity : (closedAtS + 1) * 1_000;
}

/** Closed so long ago that no record is left: lists do not show it. Nothing but retention takes a shard away: the stream's creation is another clock's time. */
export function isExpired({ shard, stream }: ShardView, nowMs: number): boolean {
  return endOf(shard) <= nowMs - stream.stream.retentionHours * HOUR_MS;
}

/** As DescribeStream and ListShards show it. */
export function shardDescription({ shard, shardId, stream }: ShardView): Shard {
  const at = (index: bigint, timeS: number): string =>
    formatSequenceNumber({ shardCreatedAtS: shard.createdAtS, shardNumber: shard.number, index, timeS });
  return {
    ShardId: shardId,
    ...(shard.parent >= 0
      ? { ParentShardId: stream.shardByNumber(shard.parent)?.shardId ?? shardIdOf(shard.parent) }
      : {}),
    ...(shard.adjacentParent >= 0 ? { AdjacentParentShardId: shardIdOf(shard.adjacentParent) } : {}),
    HashKeyRange: { StartingHashKey: shard.startingHashKey, EndingHashKey: shard.endingHashKey },
    SequenceNumberRange: {
      StartingSequenceNumber: at(0n, shard.createdAtS),
      ...(shard.closedAtS === 0 ? {} : { EndingSequenceNumber: at(SEQUENCE_INDEX_MAX, shard.closedAtS) }),
    },
  };
}

function shardIdOf(number: number): string {
  return `shardId-${String(number).padStart(12, "0")}`;
}

/** What a reader at the end of a closed shard is told: its direct children, whatever became of them. */
export function childShardsOf({ shard, stream }: ShardView): ChildShard[] {
  return stream.shards
    .filter((child) => child.shard.parent === shard.number || child.shard.adjacentParent === shard.number)
    .map((child) => ({
      ShardId: child.shardId,
      ParentShards: [child.shard.parent, child.shard.adjacentParent].filter((number) => number >= 0).map(shardIdOf),
      HashKeyRange: { StartingHashKey: child.shard.startingHashKey, EndingHashKey: child.shard.endingHashKey },
    }));
}

/** As the Describe operations show it. The key id only where there is one. */
export function encryptionOf({ stream }: StreamView) {
  const { encryptionKeyId } = stream;
  if (encryptionKeyId === "") return { EncryptionType: "NONE" as const };
  return { EncryptionType: "KMS" as const, KeyId: encryptionKeyId };
}

export function shardLevelMetrics({ stream }: StreamView) {
  return stream.shardLevelMetrics as NonNullable<EnhancedMetrics["ShardLevelMetrics"]>;
}
