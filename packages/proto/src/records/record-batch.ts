import { crc32c } from "@node-rs/crc32";
import { assert } from "@millrace/util";

/**
 * The record batch: opaque from the gateway to the disk and back (ADR 0002). Little-endian.
 *
 *   0  u8   format version (1)
 *   1  u8   flags (bit 0: records were written while the stream was encrypted; bit 1: close marker, no records)
 *   2  u16  reserved, 0
 *   4  u32  size of the whole batch in bytes, header included
 *   8  u64  base offset              \
 *  16  u64  arrival time, epoch ms    | written by the shard leader, outside the CRC
 *  24  u64  term                     /
 *  32  u32  CRC-32C over everything from byte 36 to the end
 *  36  u32  record count
 *  40  u32  user bytes: data and partition keys, as quotas count them
 *  44  16   batch id: the same on every attempt of one put
 *  60  u32  reserved, 0
 *  64  records
 *
 * A record: u32 data size | u16 partition key size (UTF-8 bytes) | u8 flags (bit 0: explicit hash key follows;
 * bit 1: no partition key) | [16 bytes explicit hash key, big-endian] | partition key | data
 */
export const BATCH_HEADER_SIZE_BYTES = 64;
export const BATCH_FORMAT_VERSION = 1;
export const BATCH_ID_SIZE_BYTES = 16;
export const RECORD_HEADER_SIZE_BYTES = 7;
export const EXPLICIT_HASH_KEY_SIZE_BYTES = 16;

export const BATCH_FLAG_ENCRYPTED = 1;
/** The shard's last batch: it has no records, and nothing follows it. */
export const BATCH_FLAG_CLOSE = 2;
export const RECORD_FLAG_EXPLICIT_HASH_KEY = 1;
export const RECORD_FLAG_NO_PARTITION_KEY = 2;

const POSITION = {
  flags: 1,
  size: 4,
  baseOffset: 8,
  arrivalTime: 16,
  term: 24,
  crc: 32,
  recordCount: 36,
  userBytes: 40,
  batchId: 44,
} as const;

export interface BatchHeader {
  readonly flags: number;
  readonly sizeBytes: number;
  /** Offset of the first record; record i has baseOffset + i. */
  readonly baseOffset: number;
  readonly arrivalTimeMs: number;
  readonly term: number;
  readonly recordCount: number;
  readonly userBytes: number;
}

/** Room that a record takes in a batch. */
export function recordSizeBytes(partitionKeyBytes: number, dataBytes: number, hasExplicitHashKey: boolean): number {
  const explicit = hasExplicitHashKey ? EXPLICIT_HASH_KEY_SIZE_BYTES : 0;
  return RECORD_HEADER_SIZE_BYTES + explicit + partitionKeyBytes + dataBytes;
}

/** Fills in the header of a batch whose records stand in `batch` from byte 64 on, and seals it with the CRC. */
export function sealBatch(
  batch: Buffer,
  fields: { flags: number; recordCount: number; userBytes: number; batchId: Uint8Array },
): void {
  assert(batch.length >= BATCH_HEADER_SIZE_BYTES, "a batch has room for its header");
  assert(fields.batchId.length === BATCH_ID_SIZE_BYTES, "a batch id has 16 bytes");
  batch.fill(0, 0, BATCH_HEADER_SIZE_BYTES);
  batch[0] = BATCH_FORMAT_VERSION;
  batch[POSITION.flags] = fields.flags;
  batch.writeUInt32LE(batch.length, POSITION.size);
  batch.writeUInt32LE(fields.recordCount, POSITION.recordCount);
  batch.writeUInt32LE(fields.userBytes, POSITION.userBytes);
  batch.set(fields.batchId, POSITION.batchId);
  batch.writeUInt32LE(crc32c(batch.subarray(POSITION.recordCount)), POSITION.crc);
}

/** The shard leader's part, in place. */
export function stampBatch(batch: Buffer, at: number, baseOffset: number, arrivalTimeMs: number, term: number): void {
  writeUInt64(batch, baseOffset, at + POSITION.baseOffset);
  writeUInt64(batch, arrivalTimeMs, at + POSITION.arrivalTime);
  writeUInt64(batch, term, at + POSITION.term);
}

/**
 * The header of the batch at `at`. Checks sizes only, so that a broker never touches the records.
 * @throws MalformedBatch
 */
export function readBatchHeader(buffer: Buffer, at = 0): BatchHeader {
  if (at + BATCH_HEADER_SIZE_BYTES > buffer.length) throw new MalformedBatch("truncated header");
  if (buffer[at] !== BATCH_FORMAT_VERSION) throw new MalformedBatch(`unknown format version ${buffer[at]}`);
  const sizeBytes = buffer.readUInt32LE(at + POSITION.size);
  if (sizeBytes < BATCH_HEADER_SIZE_BYTES || at + sizeBytes > buffer.length) {
    throw new MalformedBatch(`size ${sizeBytes} does not fit`);
  }
  return {
    flags: buffer[at + POSITION.flags] as number,
    sizeBytes,
    baseOffset: readUInt64(buffer, at + POSITION.baseOffset),
    arrivalTimeMs: readUInt64(buffer, at + POSITION.arrivalTime),
    term: readUInt64(buffer, at + POSITION.term),
    recordCount: buffer.readUInt32LE(at + POSITION.recordCount),
    userBytes: buffer.readUInt32LE(at + POSITION.userBytes),
  };
}

/** The batch id as 32 hex digits, for tables keyed by it. */
export function readBatchId(buffer: Buffer, at = 0): string {
  return buffer.toString("hex", at + POSITION.batchId, at + POSITION.batchId + BATCH_ID_SIZE_BYTES);
}

/** Readers check this before they answer. @throws MalformedBatch */
export function verifyBatch(buffer: Buffer, at: number, header: BatchHeader): void {
  const actual = crc32c(buffer.subarray(at + POSITION.recordCount, at + header.sizeBytes));
  if (actual !== buffer.readUInt32LE(at + POSITION.crc)) throw new MalformedBatch("CRC-32C mismatch");
}

export interface StoredRecord {
  readonly offset: number;
  readonly arrivalTimeMs: number;
  /** Views of the batch; undefined where the record has no partition key. */
  readonly partitionKey: Buffer | undefined;
  /** 16 bytes, big-endian; undefined where the partition key's MD5 counts. */
  readonly explicitHashKey: Buffer | undefined;
  readonly data: Buffer;
  readonly encrypted: boolean;
}

/** The records of one verified batch in order, as views. @throws MalformedBatch */
export function* recordsOf(buffer: Buffer, at: number, header: BatchHeader): Generator<StoredRecord> {
  let position = at + BATCH_HEADER_SIZE_BYTES;
  const end = at + header.sizeBytes;
  const encrypted = (header.flags & BATCH_FLAG_ENCRYPTED) !== 0;
  for (let index = 0; index < header.recordCount; index++) {
    if (position + RECORD_HEADER_SIZE_BYTES > end) throw new MalformedBatch("truncated record");
    const dataSize = buffer.readUInt32LE(position);
    const keySize = buffer.readUInt16LE(position + 4);
    const flags = buffer[position + 6] as number;
    position += RECORD_HEADER_SIZE_BYTES;
    const explicitAt = position;
    if ((flags & RECORD_FLAG_EXPLICIT_HASH_KEY) !== 0) position += EXPLICIT_HASH_KEY_SIZE_BYTES;
    const dataAt = position + keySize;
    if (dataAt + dataSize > end) throw new MalformedBatch("truncated record");
    const explicitHashKey = explicitAt === position ? undefined : buffer.subarray(explicitAt, position);
    yield {
      offset: header.baseOffset + index,
      arrivalTimeMs: header.arrivalTimeMs,
      partitionKey: (flags & RECORD_FLAG_NO_PARTITION_KEY) !== 0 ? undefined : buffer.subarray(position, dataAt),
      explicitHashKey,
      data: buffer.subarray(dataAt, dataAt + dataSize),
      encrypted,
    };
    position = dataAt + dataSize;
  }
  if (position !== end) throw new MalformedBatch("bytes after the last record");
}

/** What a disk or the network gave is no batch. */
export class MalformedBatch extends Error {
  override readonly name = "MalformedBatch";
}

function writeUInt64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value >>> 0, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

function readUInt64(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 0x1_0000_0000;
}
