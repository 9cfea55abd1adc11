import { createHash } from "node:crypto";
import { BatchBuilder, type ShardView, type StreamView } from "@millrace/client";
import {
  BATCH_FLAG_ENCRYPTED,
  BATCH_HEADER_SIZE_BYTES,
  BATCH_ID_SIZE_BYTES,
  EXPLICIT_HASH_KEY_SIZE_BYTES,
  recordSizeBytes,
} from "@millrace/proto";
import { crc32c } from "@node-rs/crc32";
import { defined, type Random } from "@millrace/util";
import type { ApiRequest } from "../http/api-types.ts";
import { type PutBatch, routingHashKey } from "../protocol/put-batch.ts";

/** The records of one request that go to one shard, by their positions in the request. */
export interface ShardPart {
  readonly shard: ShardView;
  readonly positions: readonly number[];
}

const words = new Uint32Array(4);

/** Sends each record to the open shard that owns its key. @throws AwsError INVALID_EXPLICIT_HASH_KEY, before anything is sent */
export function partsOf(put: PutBatch, view: StreamView, positions: Iterable<number>): ShardPart[] {
  const only = view.openShards.length === 1 ? view.openShards[0] : undefined;
  const parts = new Map<number, { shard: ShardView; positions: number[] }>();
  for (const position of positions) {
    let shard = only;
    // With one shard there is nothing to choose, but what is no hash key must be refused.
    if (shard === undefined || (put.distributedBy === undefined && (put.hashKeyLengths[position] as number) > 0)) {
      routingHashKey(put, position, words);
      shard = view.shardForHash(words[0] as number, words[1] as number, words[2] as number, words[3] as number);
    }
    const owner = defined(shard, "open shards cover all hash keys");
    const part = parts.get(owner.groupId);
    if (part === undefined) parts.set(owner.groupId, { shard: owner, positions: [position] });
    else part.positions.push(position);
  }
  return [...parts.values()];
}

/** What of these records the shard's range holds, open or closed; undefined when that is none. */
export function partWithin(put: PutBatch, shard: ShardView, positions: readonly number[]): ShardPart | undefined {
  const within = positions.filter((position) => {
    routingHashKey(put, position, words);
    const hashKey = words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
    return hashKey >= shard.startingHashKey && hashKey <= shard.endingHashKey;
  });
  return within.length === 0 ? undefined : { shard, positions: within };
}

/** SDKs count the attempts of a call, and say so: the first cannot be a repetition. */
export function isRepetition({ headers, invocationId }: ApiRequest): boolean {
  const attempt = /(?:^|;)\s*attempt=(\d+)/.exec(headers["amz-sdk-request"] ?? "")?.[1];
  return invocationId !== undefined && attempt !== "1";
}

/** One, always alive: V8 forgets compiled code that knows a class of which nothing lives when it collects the heap. */
const builder = new BatchBuilder();

/** After this nobody may look at a packed batch. */
export function recyclePart(batch: Buffer): void {
  builder.recycle(batch);
}

/** Packs the first `count` records of a part. */
export function packPart(
  put: PutBatch,
  { positions }: ShardPart,
  count: number,
  batchId: Buffer,
  encrypted: boolean,
): Buffer {
  builder.clear();
  builder.reserve(packedSizeBytes(put, positions, count));
  for (let i = 0; i < count; i++) {
    const position = positions[i] as number;
    const keyStart = put.keyOffsets[position] as number;
    const keyEnd = keyStart + (put.keyLengths[position] as number);
    const dataStart = put.dataOffsets[position] as number;
    const dataEnd = dataStart + (put.dataLengths[position] as number);
    const hasKey = keyEnd > keyStart;
    const hashKey = explicitHashKey(put, position);
    builder.addRecord(put.keys, hasKey ? keyStart : -1, keyEnd, put.data, dataStart, dataEnd, hashKey);
  }
  return builder.seal({ flags: encrypted ? BATCH_FLAG_ENCRYPTED : 0, batchId });
}

function packedSizeBytes(put: PutBatch, positions: readonly number[], count: number): number {
  let sizeBytes = BATCH_HEADER_SIZE_BYTES;
  for (let i = 0; i < count; i++) {
    const position = positions[i] as number;
    const hasHashKey = put.distributedBy === undefined && (put.hashKeyLengths[position] as number) > 0;
    sizeBytes += recordSizeBytes(put.keyLengths[position] as number, put.dataLengths[position] as number, hasHashKey);
  }
  return sizeBytes;
}

function explicitHashKey(put: PutBatch, position: number): Uint8Array | undefined {
  if (put.distributedBy !== undefined || (put.hashKeyLengths[position] as number) === 0) return undefined;
  routingHashKey(put, position, words);
  const bytes = Buffer.allocUnsafe(EXPLICIT_HASH_KEY_SIZE_BYTES);
  for (let word = 0; word < 4; word++) bytes.writeUInt32BE(words[word] as number, word * 4);
  return bytes;
}

/** How many of a part's records pass within both figures. */
export function fittingCount(put: PutBatch, { positions }: ShardPart, recordsMax: number, bytesMax: number): number {
  let bytes = 0;
  let count = 0;
  for (const position of positions) {
    bytes += (put.keyLengths[position] as number) + (put.dataLengths[position] as number);
    if (count >= recordsMax || bytes > bytesMax) break;
    count++;
  }
  return count;
}

/**
 * The identity of a request: the same on every attempt of one SDK call, and on those only. The invocation id alone would make
 * two puts of a client that repeats its ids into one, so the body is part of it.
 */
export function putIdentity({ invocationId, accountId, body }: ApiRequest, streamId: number, random: Random): Buffer {
  if (invocationId === undefined) return random.bytes(32);
  const text = JSON.stringify([invocationId, accountId, streamId, body.length, crc32c(body)]);
  return createHash("sha256").update(text).digest();
}

/**
 * A part's batch id: of the request, the shard, and which of its records these are. Around a reshard a request's records for
 * one shard may come in several parts, by way of different parents, and none of them is a repetition of another.
 */
export function batchIdOf(identity: Buffer, { shard, positions }: ShardPart): Buffer {
  const which = crc32c(Buffer.from(Uint32Array.from(positions).buffer));
  const text = `${shard.groupId} ${positions.length} ${which}`;
  return createHash("sha256").update(identity).update(text).digest().subarray(0, BATCH_ID_SIZE_BYTES);
}
