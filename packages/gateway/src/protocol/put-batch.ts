/** A put request, flat: what routing and packing need, without an object per record. */
import { md5Words } from "@millrace/proto";
import { awsError } from "../errors.ts";
import type { PutRecordInput, PutRecordsInput, PutRecordsRequestEntry } from "../model/generated/kinesis-types.ts";
import { readHashKey } from "./hash-key.ts";
import { scanPut } from "./put-scanner.ts";
import { parseInput } from "./read-input.ts";
import type { ValidationHooks } from "./validate-input.ts";
import type { Encoding } from "./wire-value.ts";

export interface PutBatch {
  readonly streamName: string | undefined;
  readonly streamArn: string | undefined;
  readonly dryRun: boolean;
  /** PutRecord only. */
  readonly sequenceNumberForOrdering: string | undefined;
  readonly count: number;
  /** Keys, as UTF-8, and explicit hash keys, as decimal digits, lie in here. */
  readonly keys: Buffer;
  readonly keyOffsets: Uint32Array;
  /** Zero: the record has no partition key, which only streams that distribute by themselves allow. */
  readonly keyLengths: Uint32Array;
  readonly hashKeyOffsets: Uint32Array;
  /** Zero: the record has no explicit hash key. */
  readonly hashKeyLengths: Uint32Array;
  /** The decoded data of all records, one after the other. */
  readonly data: Buffer;
  readonly dataOffsets: Uint32Array;
  readonly dataLengths: Uint32Array;
  /** Set: the stream distributes its records by itself, wherever the request's identity leads, and their keys route nothing. */
  readonly distributedBy?: Buffer;
}

/** Neighbours stay together, so that a request is few batches; a full one is spread over several shards. */
const RECORDS_DISTRIBUTED_TOGETHER = 100;

/**
 * Reads and validates a put. The scanner takes what SDKs send; everything else, and every error, goes the general way. What comes
 * back refers to the body, and to memory from `allocate`.
 * @throws AwsError like `parseInput`
 */
export function parsePut(
  operation: "PutRecord" | "PutRecords",
  encoding: Encoding,
  body: Buffer,
  hooks: ValidationHooks = {},
  allocate?: (sizeBytes: number) => Buffer,
): PutBatch {
  const scanned = encoding === "json" ? scanPut(operation, body, allocate) : undefined;
  return scanned ?? parsePutSlowly(operation, encoding, body, hooks);
}

/** Same result by way of the model, for any legal body. */
export function parsePutSlowly(
  operation: "PutRecord" | "PutRecords",
  encoding: Encoding,
  body: Buffer,
  hooks: ValidationHooks = {},
): PutBatch {
  if (operation === "PutRecord") {
    const input: PutRecordInput = parseInput("PutRecord", encoding, body, hooks);
    return batchOf([input], input, input.SequenceNumberForOrdering);
  }
  const input: PutRecordsInput = parseInput("PutRecords", encoding, body, hooks);
  return batchOf(input.Records, input, undefined);
}

function batchOf(
  entries: readonly PutRecordsRequestEntry[],
  { StreamName, StreamARN, DryRun }: PutRecordInput | PutRecordsInput,
  sequenceNumberForOrdering: string | undefined,
): PutBatch {
  const count = entries.length;
  const batch = {
    streamName: StreamName,
    streamArn: StreamARN,
    dryRun: DryRun === true,
    sequenceNumberForOrdering,
    count,
    // Each by itself: half a surrogate pair at the end of one key must not join the other half at the start of the next.
    keys: Buffer.concat(
      entries.flatMap(({ PartitionKey = "", ExplicitHashKey = "" }) => [
        Buffer.from(PartitionKey),
        Buffer.from(ExplicitHashKey),
      ]),
    ),
    keyOffsets: new Uint32Array(count),
    keyLengths: new Uint32Array(count),
    hashKeyOffsets: new Uint32Array(count),
    hashKeyLengths: new Uint32Array(count),
    data: Buffer.concat(entries.map((entry) => entry.Data)),
    dataOffsets: new Uint32Array(count),
    dataLengths: new Uint32Array(count),
  };
  let keyOffset = 0;
  let dataOffset = 0;
  for (const [index, { PartitionKey = "", ExplicitHashKey = "", Data }] of entries.entries()) {
    batch.keyOffsets[index] = keyOffset;
    batch.keyLengths[index] = Buffer.byteLength(PartitionKey);
    keyOffset += Buffer.byteLength(PartitionKey);
    batch.hashKeyOffsets[index] = keyOffset;
    batch.hashKeyLengths[index] = ExplicitHashKey.length;
    keyOffset += ExplicitHashKey.length;
    batch.dataOffsets[index] = dataOffset;
    batch.dataLengths[index] = Data.length;
    dataOffset += Data.length;
  }
  return batch;
}

/**
 * The hash key that routes record `index`: its explicit one, or the MD5 of its partition key.
 * @throws AwsError INVALID_EXPLICIT_HASH_KEY if it is above 2^128 - 1
 */
export function routingHashKey(batch: PutBatch, index: number, target: Uint32Array): void {
  if (batch.distributedBy !== undefined) {
    const group = Buffer.from(`${Math.floor(index / RECORDS_DISTRIBUTED_TOGETHER)}`);
    const seed = Buffer.concat([batch.distributedBy, group]);
    md5Words(seed, 0, seed.length, target);
    return;
  }
  const hashKeyLength = batch.hashKeyLengths[index] as number;
  if (hashKeyLength === 0) {
    md5Words(batch.keys, batch.keyOffsets[index] as number, batch.keyLengths[index] as number, target);
    return;
  }
  const offset = batch.hashKeyOffsets[index] as number;
  if (readHashKey(batch.keys, offset, hashKeyLength, target)) return;
  const hashKey = batch.keys.toString("latin1", offset, offset + hashKeyLength);
  throw awsError("INVALID_EXPLICIT_HASH_KEY", { hashKey });
}
