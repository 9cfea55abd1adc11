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
const ENTRY_SIZE_BYTES = BATCH_ID_SIZE_BYTES + 8 + 8 + 4;

/**
 * Batch ids of the last ten minutes, the oldest first. Part of the replicated state: it changes by applied batches only,
 * and its bounds look at their arrival times, so every replica has the same.
 */
export class DedupTable {
  readonly #batches = new Map<string, StoredBatch>();

  get size(): number {
    return this.#batches.size;
  }

  get(batchId: string): StoredBatch | undefined {
    return this.#batches.get(batchId);
  }

  add(batchId: string, batch: StoredBatch): void {
    this.#batches.set(batchId, batch);
    for (const [oldId, old] of this.#batches) {
      const isPast = old.arrivalTimeMs < batch.arrivalTimeMs - DEDUP_WINDOW_MS;
      if (!isPast && this.#batches.size <= DEDUP_BATCHES_MAX) break;
      this.#batches.delete(oldId);
    }
  }

  /** Of batches that begin below `endOffset`. */
  encode(endOffset: number): Buffer {
    const kept = [...this.#batches].filter(([, { baseOffset }]) => baseOffset < endOffset);
    const target = Buffer.allocUnsafe(kept.length * ENTRY_SIZE_BYTES);
    let at = 0;
    for (const [batchId, { baseOffset, arrivalTimeMs, recordCount }] of kept) {
      target.write(batchId, at, BATCH_ID_SIZE_BYTES, "hex");
      target.writeDoubleLE(baseOffset, at + 16);
      target.writeDoubleLE(arrivalTimeMs, at + 24);
      target.writeUInt32LE(recordCount, at + 32);
      at += ENTRY_SIZE_BYTES;
    }
    return target;
  }

  static decode(bytes: Buffer): DedupTable {
    const table = new DedupTable();
    for (let at = 0; at + ENTRY_SIZE_BYTES <= bytes.length; at += ENTRY_SIZE_BYTES) {
      table.#batches.set(bytes.toString("hex", at, at + BATCH_ID_SIZE_BYTES), {
        baseOffset: bytes.readDoubleLE(at + 16),
        arrivalTimeMs: bytes.readDoubleLE(at + 24),
        recordCount: bytes.readUInt32LE(at + 32),
      });
    }
    return table;
  }
}
