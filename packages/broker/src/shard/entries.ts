import type { Entry } from "@millrace/raft";
import { BATCH_FORMAT_VERSION, MalformedBatch, readBatchHeader } from "@millrace/proto";
import type { EntryAttributes } from "@millrace/storage";

/**
 * Payloads of a shard's entries. The first byte tells: a record batch begins with its format version; everything else is a
 * control entry of ours, from 128 on.
 */
const CONTROL_TRUNCATE = 128;
const TRUNCATE_SIZE_BYTES = 9;

/** Records below `startOffset` are past their retention. */
export function encodeTruncate(startOffset: number): Buffer {
  const payload = Buffer.alloc(TRUNCATE_SIZE_BYTES);
  payload[0] = CONTROL_TRUNCATE;
  payload.writeDoubleLE(startOffset, 1);
  return payload;
}

export function isBatchEntry({ type, payload }: Entry): boolean {
  return type === "data" && payload[0] === BATCH_FORMAT_VERSION;
}

/** Undefined for an entry that is no truncation. */
export function truncationOf({ type, payload }: Entry): number | undefined {
  const isTruncation = type === "data" && payload[0] === CONTROL_TRUNCATE && payload.length === TRUNCATE_SIZE_BYTES;
  return isTruncation ? payload.readDoubleLE(1) : undefined;
}

/** What the store searches entries by: the first batch's offset and time. All batches of an entry arrived at one time. */
export function shardEntryAttributes(entry: Entry): EntryAttributes | undefined {
  if (!isBatchEntry(entry)) return undefined;
  try {
    const { baseOffset, arrivalTimeMs } = readBatchHeader(entry.payload);
    return { offset: baseOffset, timeMs: arrivalTimeMs };
  } catch (error) {
    if (error instanceof MalformedBatch) return undefined;
    throw error;
  }
}
