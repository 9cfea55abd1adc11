import {
  BATCH_HEADER_SIZE_BYTES,
  EXPLICIT_HASH_KEY_SIZE_BYTES,
  RECORD_FLAG_EXPLICIT_HASH_KEY,
  RECORD_FLAG_NO_PARTITION_KEY,
  RECORD_HEADER_SIZE_BYTES,
  recordSizeBytes,
  sealBatch,
} from "@millrace/proto";
import { assert, BufferPool, KIB, MIB, scaledToMemory } from "@millrace/util";

const CAPACITY_MIN_BYTES = 4 * KIB;
/** Of all builders. */
const MEMORY = new BufferPool(scaledToMemory(32 * MIB));
const PARTITION_KEY_SIZE_BYTES_MAX = 0xffff;

/**
 * Packs records into a sealed batch, each byte copied once, from wherever it lies. One buffer grows as needed; `seal` hands
 * it out, and `recycle` takes it back for a later batch once nobody refers to it: the router does not after its promise
 * has settled.
 */
export class BatchBuilder {
  #buffer: Buffer | undefined;
  #sizeBytes = BATCH_HEADER_SIZE_BYTES;
  #recordCount = 0;
  #userBytes = 0;

  /** Of the whole batch, header included. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** Data and partition keys, as quotas count them. */
  get userBytes(): number {
    return this.#userBytes;
  }

  /** Forgets what was added. */
  clear(): void {
    this.#sizeBytes = BATCH_HEADER_SIZE_BYTES;
    this.#recordCount = 0;
    this.#userBytes = 0;
  }

  /** Room for a batch whose size is known beforehand, header included. */
  reserve(sizeBytes: number): void {
    if (this.#buffer === undefined || this.#buffer.length < sizeBytes) this.#grow(sizeBytes);
  }

  /**
   * Adds the record whose partition key (UTF-8, at most 65,535 bytes) is `keySource[keyStart, keyEnd)` and whose data is
   * `dataSource[dataStart, dataEnd)`. A negative `keyStart`: the record has no partition key.
   * `explicitHashKey`: 16 bytes, big-endian.
   */
  addRecord(
    keySource: Uint8Array,
    keyStart: number,
    keyEnd: number,
    dataSource: Uint8Array,
    dataStart: number,
    dataEnd: number,
    explicitHashKey?: Uint8Array,
  ): void {
    const hasKey = keyStart >= 0;
    const keyBytes = hasKey ? keyEnd - keyStart : 0;
    const dataBytes = dataEnd - dataStart;
    assert(keyBytes >= 0 && keyBytes <= PARTITION_KEY_SIZE_BYTES_MAX, "partition keys are short");
    assert(dataBytes >= 0, "a range of bytes");
    const endBytes = this.#sizeBytes + recordSizeBytes(keyBytes, dataBytes, explicitHashKey !== undefined);
    this.reserve(endBytes);
    const buffer = this.#buffer as Buffer;
    let position = this.#sizeBytes;
    buffer.writeUInt32LE(dataBytes, position);
    buffer.writeUInt16LE(keyBytes, position + 4);
    buffer[position + 6] =
      (hasKey ? 0 : RECORD_FLAG_NO_PARTITION_KEY) | (explicitHashKey === undefined ? 0 : RECORD_FLAG_EXPLICIT_HASH_KEY);
    position += RECORD_HEADER_SIZE_BYTES;
    if (explicitHashKey !== undefined) {
      assert(explicitHashKey.length === EXPLICIT_HASH_KEY_SIZE_BYTES, "hash keys have 16 bytes");
      buffer.set(explicitHashKey, position);
      position += EXPLICIT_HASH_KEY_SIZE_BYTES;
    }
    if (keyBytes > 0) position += copyBytes(keySource, keyStart, keyEnd, buffer, position);
    if (dataBytes > 0) position += copyBytes(dataSource, dataStart, dataEnd, buffer, position);
    assert(position === endBytes, "a record fills its room");
    this.#sizeBytes = endBytes;
    this.#recordCount++;
    this.#userBytes += keyBytes + dataBytes;
  }

  /**
   * The sealed batch; the builder is empty again. `batchId`: 16 bytes, the same whenever these records are sent again.
   */
  seal({ flags, batchId }: { flags: number; batchId: Uint8Array }): Buffer {
    this.reserve(this.#sizeBytes);
    const batch = (this.#buffer as Buffer).subarray(0, this.#sizeBytes);
    sealBatch(batch, { flags, batchId, recordCount: this.#recordCount, userBytes: this.#userBytes });
    this.#buffer = undefined;
    this.clear();
    return batch;
  }

  /** Gives the memory of a batch made by a builder back. Nobody may look at `batch` from here on. */
  recycle(batch: Buffer): void {
    MEMORY.give(batch);
  }

  #grow(sizeBytes: number): void {
    const before = this.#buffer;
    this.#buffer = MEMORY.take(Math.max(sizeBytes, 2 * (before?.length ?? 0), CAPACITY_MIN_BYTES));
    if (before === undefined) return;
    before.copy(this.#buffer, BATCH_HEADER_SIZE_BYTES, BATCH_HEADER_SIZE_BYTES, this.#sizeBytes);
    MEMORY.give(before);
  }
}

/** Short ranges by hand: below some 24 bytes the call into native code costs more than the bytes. */
function copyBytes(source: Uint8Array, start: number, end: number, target: Buffer, position: number): number {
  const count = end - start;
  if (count <= 24) {
    for (let index = 0; index < count; index++) target[position + index] = source[start + index] as number;
  } else {
    target.set(start === 0 && end === source.length ? source : source.subarray(start, end), position);
  }
  return count;
}
