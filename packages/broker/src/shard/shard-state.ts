import type { Entry } from "@millrace/raft";
import { BATCH_FLAG_CLOSE, readBatchHeader, readBatchId } from "@millrace/proto";
import { assert } from "@millrace/util";
import { DedupTable } from "./dedup-table.ts";
import { isBatchEntry, truncationOf } from "./entries.ts";

const FORMAT_VERSION = 2;
const HEADER_SIZE_BYTES = 26;
const FIRST_OFFSET = 1;

/** The small state beside a shard's log. The same on every replica that applied the same entries. */
export class ShardState {
  /** The next record's. */
  nextOffset = FIRST_OFFSET;
  /** The oldest record that retention has left. */
  startOffset = FIRST_OFFSET;
  /** Of the newest record, epoch ms; 0 before the first. */
  lastArrivalTimeMs = 0;
  closed = false;
  dedup = new DedupTable();

  apply(entry: Entry): void {
    if (isBatchEntry(entry)) this.#applyBatches(entry.payload);
    const startOffset = truncationOf(entry);
    if (startOffset !== undefined) this.startOffset = Math.max(this.startOffset, startOffset);
  }

  #applyBatches(payload: Buffer): void {
    for (let at = 0; at < payload.length;) {
      const header = readBatchHeader(payload, at);
      assert(header.baseOffset === this.nextOffset, "offsets leave no gap");
      assert(header.arrivalTimeMs >= this.lastArrivalTimeMs, "arrival times never decrease");
      assert(!this.closed, "nothing follows the end of a closed shard");
      if ((header.flags & BATCH_FLAG_CLOSE) !== 0) this.closed = true;
      const { baseOffset, arrivalTimeMs, recordCount } = header;
      this.dedup.add(readBatchId(payload, at), { baseOffset, arrivalTimeMs, recordCount });
      this.nextOffset += recordCount;
      this.lastArrivalTimeMs = arrivalTimeMs;
      at += header.sizeBytes;
    }
  }

  /** u8 version · u8 closed · f64 next, start, last arrival · dedup table */
  encode(): Buffer {
    return this.#encode(this.nextOffset, this.lastArrivalTimeMs, this.closed);
  }

  /**
   * As it was before the batch at `nextOffset`: for a log that begins with that one. It was open then, even if the batch is the
   * end itself, which has no record and so the same offset as whatever would follow it.
   */
  encodeAt(nextOffset: number): Buffer {
    // Times below are only a lower bound for what follows; the entry that follows brings its own.
    return this.#encode(nextOffset, 0, false);
  }

  #encode(nextOffset: number, lastArrivalTimeMs: number, closed: boolean): Buffer {
    const header = Buffer.alloc(HEADER_SIZE_BYTES);
    header[0] = FORMAT_VERSION;
    header[1] = closed ? 1 : 0;
    header.writeDoubleLE(nextOffset, 2);
    header.writeDoubleLE(this.startOffset, 10);
    header.writeDoubleLE(lastArrivalTimeMs, 18);
    return Buffer.concat([header, this.dedup.encode(nextOffset)]);
  }

  static decode(bytes: Buffer): ShardState {
    const state = new ShardState();
    if (bytes.length === 0) return state;
    if (bytes[0] !== FORMAT_VERSION) throw new Error(`unknown version ${bytes[0]} of a shard's state`);
    state.closed = bytes[1] === 1;
    state.nextOffset = bytes.readDoubleLE(2);
    state.startOffset = bytes.readDoubleLE(10);
    state.lastArrivalTimeMs = bytes.readDoubleLE(18);
    state.dedup = DedupTable.decode(bytes.subarray(HEADER_SIZE_BYTES));
    return state;
  }
}
