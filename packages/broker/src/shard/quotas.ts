import { MIB } from "@millrace/util";
import { TokenBucket } from "./token-bucket.ts";

/** Kinesis's quotas of a provisioned shard, per second. */
const WRITE_RECORDS = 1_000;
const WRITE_BYTES = MIB;
const READ_CALLS = 5;
const READ_BYTES = 2 * MIB;

export interface Admission {
  readonly recordsAvailable: number;
  readonly bytesAvailable: number;
}

/** One shard's buckets, at its leader. A new leader begins with full ones. */
export class ShardQuotas {
  readonly #writeRecords: TokenBucket;
  readonly #writeBytes: TokenBucket;
  readonly #readCalls: TokenBucket;
  readonly #readBytes: TokenBucket;

  constructor(nowMs: number) {
    this.#writeRecords = new TokenBucket(WRITE_RECORDS, nowMs);
    this.#writeBytes = new TokenBucket(WRITE_BYTES, nowMs);
    this.#readCalls = new TokenBucket(READ_CALLS, nowMs);
    this.#readBytes = new TokenBucket(READ_BYTES, nowMs);
  }

  /** Undefined: admitted, and charged. Else nothing was charged, and this much would pass. */
  write(records: number, bytes: number, nowMs: number): Admission | undefined {
    const recordsAvailable = Math.max(0, Math.floor(this.#writeRecords.available(nowMs)));
    const bytesAvailable = Math.max(0, Math.floor(this.#writeBytes.available(nowMs)));
    // A record larger than a second's worth passes after a second of rest, and is paid for afterwards.
    const isLargeRecord = records === 1 && this.#writeBytes.isFull(nowMs);
    if (records > recordsAvailable || (bytes > bytesAvailable && !isLargeRecord)) {
      return { recordsAvailable, bytesAvailable };
    }
    this.#writeRecords.take(records);
    this.#writeBytes.take(bytes);
    return undefined;
  }

  /** False: too many calls, or earlier answers were larger than the quota and are not paid for yet. */
  read(nowMs: number): boolean {
    if (this.#readCalls.available(nowMs) < 1 || this.#readBytes.available(nowMs) <= 0) return false;
    this.#readCalls.take(1);
    return true;
  }

  readDone(bytes: number): void {
    this.#readBytes.take(bytes);
  }
}
