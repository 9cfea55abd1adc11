/**
 * Keys and values of the index. Keys, big-endian: one letter, then numbers.
 *   e group index     where the entry lies, its term and attributes
 *   g group           summary: hard state, log shape, newest segment run
 *   r group toIndex   an older segment run
 *   t group           state of the last prefix truncation
 *   c group           checkpoint
 *   m                 how far the journal is indexed
 */
import type { HardState, LogSummary, TermRun } from "@millrace/raft";
import { readKeyU64, readU64, writeKeyU64, writeU64 } from "./bytes.ts";
import type { Checkpoint, EntryAttributes, GroupId } from "./log-store.ts";
import type { SegmentRun } from "./segment-runs.ts";

export const META_KEY = Buffer.from("m", "latin1");
const INDEX_FORMAT_VERSION = 1;

export type GroupKeyLetter = "g" | "t" | "c";
export type EntryKeyLetter = "e" | "r";

export function groupKey(letter: GroupKeyLetter, groupId: GroupId): Buffer {
  const key = Buffer.allocUnsafe(9);
  key.write(letter, 0, "latin1");
  writeKeyU64(key, groupId, 1);
  return key;
}

export function entryKey(
  letter: EntryKeyLetter,
  groupId: GroupId,
  index: number,
  target = Buffer.allocUnsafe(17),
): Buffer {
  target.write(letter, 0, "latin1");
  writeKeyU64(target, groupId, 1);
  writeKeyU64(target, index, 9);
  return target;
}

/** The first key after all of the letter. */
export function afterLetter(letter: GroupKeyLetter | EntryKeyLetter): Buffer {
  return Buffer.from([letter.charCodeAt(0) + 1]);
}

export function groupIdOfKey(key: Buffer): GroupId {
  return readKeyU64(key, 1);
}

export function indexOfKey(key: Buffer): number {
  return readKeyU64(key, 9);
}

/** Where an entry lies. */
export interface EntryLocation {
  readonly segmentId: number;
  readonly positionBytes: number;
  /** Of the payload. */
  readonly payloadSizeBytes: number;
  readonly term: number;
  readonly attributes: EntryAttributes | undefined;
}

export const LOCATION_SIZE_BYTES = 41;

export function encodeLocation(location: EntryLocation, target: Buffer): Buffer {
  target.writeUInt32LE(location.segmentId, 0);
  writeU64(target, location.positionBytes, 4);
  target.writeUInt32LE(location.payloadSizeBytes, 12);
  writeU64(target, location.term, 16);
  target.writeUInt8(location.attributes === undefined ? 0 : 1, 24);
  target.writeDoubleLE(location.attributes?.offset ?? 0, 25);
  target.writeDoubleLE(location.attributes?.timeMs ?? 0, 33);
  return target;
}

export function decodeLocation(value: Buffer): EntryLocation {
  const hasAttributes = value.readUInt8(24) === 1;
  return {
    segmentId: value.readUInt32LE(0),
    positionBytes: readU64(value, 4),
    payloadSizeBytes: value.readUInt32LE(12),
    term: readU64(value, 16),
    attributes: hasAttributes ? { offset: value.readDoubleLE(25), timeMs: value.readDoubleLE(33) } : undefined,
  };
}

export interface IndexMeta {
  /** Everything before this place in the journal is in the index. */
  readonly segmentId: number;
  readonly positionBytes: number;
  /** Of the last write group before it, which was durable: the journal cannot end before. */
  readonly sequence: number;
}

export function encodeMeta(meta: IndexMeta): Buffer {
  const value = Buffer.allocUnsafe(25);
  value.writeUInt8(INDEX_FORMAT_VERSION, 0);
  writeU64(value, meta.segmentId, 1);
  writeU64(value, meta.positionBytes, 9);
  writeU64(value, meta.sequence, 17);
  return value;
}

/** Undefined when another version wrote it: the index is made anew. */
export function decodeMeta(value: Buffer): IndexMeta | undefined {
  if (value.length !== 25 || value.readUInt8(0) !== INDEX_FORMAT_VERSION) return undefined;
  return { segmentId: readU64(value, 1), positionBytes: readU64(value, 9), sequence: readU64(value, 17) };
}

export interface GroupRow {
  readonly hardState: HardState;
  readonly log: LogSummary;
  /** Where the last truncation record lies; 0 when there is none. */
  readonly truncationSegmentId: number;
  readonly truncationPositionBytes: number;
  readonly truncationBytes: number;
  readonly lastRun: SegmentRun | undefined;
  /** Recovery is not through with the group: the terms are to be worked out from the entries. */
  readonly termsUnknown: boolean;
}

const GROUP_ROW_NUMBERS = 13;

export function encodeGroup(row: GroupRow): Buffer {
  const votedFor = Buffer.from(row.hardState.votedFor ?? "", "utf8");
  const value = Buffer.allocUnsafe(2 + votedFor.length + 8 * GROUP_ROW_NUMBERS + 16 * row.log.termRuns.length);
  value.writeUInt16LE(votedFor.length, 0);
  votedFor.copy(value, 2);
  let at = 2 + votedFor.length;
  const run = row.lastRun ?? { fromIndex: 0, toIndex: 0, segmentId: 0, bytes: 0 };
  for (const number of [
    row.hardState.term,
    row.hardState.commitIndex,
    row.log.truncatedIndex,
    row.log.truncatedTerm,
    row.log.lastIndex,
    row.truncationSegmentId,
    row.truncationPositionBytes,
    row.truncationBytes,
    run.fromIndex,
    run.toIndex,
    run.segmentId,
    run.bytes,
    row.termsUnknown ? 1 : 0,
  ]) {
    writeU64(value, number, at);
    at += 8;
  }
  for (const termRun of row.log.termRuns) {
    writeU64(value, termRun.fromIndex, at);
    writeU64(value, termRun.term, at + 8);
    at += 16;
  }
  return value;
}

export function decodeGroup(value: Buffer): GroupRow {
  const votedForSize = value.readUInt16LE(0);
  const votedFor = votedForSize === 0 ? undefined : value.toString("utf8", 2, 2 + votedForSize);
  const fixed = 2 + votedForSize;
  const number = (field: number): number => readU64(value, fixed + 8 * field);
  const termRuns: TermRun[] = [];
  for (let at = fixed + 8 * GROUP_ROW_NUMBERS; at + 16 <= value.length; at += 16) {
    termRuns.push({ fromIndex: readU64(value, at), term: readU64(value, at + 8) });
  }
  const run = { fromIndex: number(8), toIndex: number(9), segmentId: number(10), bytes: number(11) };
  return {
    hardState: { term: number(0), votedFor, commitIndex: number(1) },
    log: { truncatedIndex: number(2), truncatedTerm: number(3), lastIndex: number(4), termRuns },
    truncationSegmentId: number(5),
    truncationPositionBytes: number(6),
    truncationBytes: number(7),
    lastRun: run.fromIndex === 0 ? undefined : run,
    termsUnknown: number(12) === 1,
  };
}

export function encodeRun(run: SegmentRun): Buffer {
  const value = Buffer.allocUnsafe(24);
  writeU64(value, run.fromIndex, 0);
  writeU64(value, run.segmentId, 8);
  writeU64(value, run.bytes, 16);
  return value;
}

export function decodeRun(key: Buffer, value: Buffer): SegmentRun {
  return {
    fromIndex: readU64(value, 0),
    toIndex: indexOfKey(key),
    segmentId: readU64(value, 8),
    bytes: readU64(value, 16),
  };
}

export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  const value = Buffer.allocUnsafe(8 + checkpoint.state.length);
  writeU64(value, checkpoint.index, 0);
  checkpoint.state.copy(value, 8);
  return value;
}

export function decodeCheckpoint(value: Buffer): Checkpoint {
  return { index: readU64(value, 0), state: value.subarray(8) };
}
