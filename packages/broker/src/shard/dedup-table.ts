import { BATCH_ID_SIZE_BYTES } from "@millrace/proto";
import { MINUTE_MS } from "@millrace/util";

/** Where a batch stands that was stored before. */
export interface StoredBatch {
  readonly baseOffset: number;
  readonly arrivalTimeMs: number;
  readonly recordCount: number;
}

export const DEDUP_WINDOW_MS = 10 * MINUTE_MS;
export const DEDUP_BATCHES_MAX = 20_000;
/**
 * No two batches are further apart, for the table: arrival times come from wall clocks, and one that is set forward by an
 * hour must not make the shard forget the batches whose answers are still on their way.
 */
export const DEDUP_STEP_MS_MAX = MINUTE_MS;
const ENTRY_SIZE_BYTES = BATCH_ID_SIZE_BYTES + 8 + 8 + 8 + 4;

interface Remembered extends StoredBatch {
  /** By the table's own time, which starts at 0. */
  readonly atMs: number;
}

/**
 * Batch ids of the last ten minutes, the oldest first. Part of the replicated state: it changes by applied batches only,
 * and its bounds look at what those carry, so every replica has the same.
 */
export class DedupTable {
  readonly #batches = new Map<string, Remembered>();
  #newest: Remembered | undefined;

  get size(): number {
    return this.#batches.size;
  }

  get(batchId: string): StoredBatch | undefined {
    const found = this.#batches.get(batchId);
    if (found === undefined) return undefined;
    const { baseOffset, arrivalTimeMs, recordCount } = found;
    return { baseOffset, arrivalTimeMs, recordCount };
  }

  add(batchId: string, batch: StoredBatch): void {
    const { arrivalTimeMs, atMs } = this.#newest ?? { arrivalTimeMs: batch.arrivalTimeMs, atMs: 0 };
    const stepMs = Math.max(0, Math.min(DEDUP_STEP_MS_MAX, batch.arrivalTimeMs - arrivalTimeMs));
    const { baseOffset, recordCount } = batch;
    const newest = { baseOffset, arrivalTimeMs: batch.arrivalTimeMs, recordCount, atMs: atMs + stepMs };
    this.#newest = newest;
    this.#batches.set(batchId, newest);
    for (const [oldId, old] of this.#batches) {
      const isPast = old.atMs < newest.atMs - DEDUP_WINDOW_MS;
      if (!isPast && this.#batches.size <= DEDUP_BATCHES_MAX) break;
      this.#batches.delete(oldId);
    }
  }

  /** Of batches that begin below `endOffset`. */
  encode(endOffset: number): Buffer {
    const kept = [...this.#batches].filter(([, { baseOffset }]) => baseOffset < endOffset);
    const target = Buffer.allocUnsafe(kept.length * ENTRY_SIZE_BYTES);
    let at = 0;
    for (const [batchId, { baseOffset, arrivalTimeMs, atMs, recordCount }] of kept) {
      target.write(batchId, at, BATCH_ID_SIZE_BYTES, "hex");
      target.writeDoubleLE(baseOffset, at + 16);
      target.writeDoubleLE(arrivalTimeMs, at + 24);
      target.writeDoubleLE(atMs, at + 32);
      target.writeUInt32LE(recordCount, at + 40);
      at += ENTRY_SIZE_BYTES;
    }
    return target;
  }

  static decode(bytes: Buffer): DedupTable {
    const table = new DedupTable();
    for (let at = 0; at + ENTRY_SIZE_BYTES <= bytes.length; at += ENTRY_SIZE_BYTES) {
      const batch = {
        baseOffset: bytes.readDoubleLE(at + 16),
        arrivalTimeMs: bytes.readDoubleLE(at + 24),
        atMs: bytes.readDoubleLE(at + 32),
        recordCount: bytes.readUInt32LE(at + 40),
      };
      table.#batches.set(bytes.toString("hex", at, at + BATCH_ID_SIZE_BYTES), batch);
      table.#newest = batch;
    }
    return table;
  }
}
