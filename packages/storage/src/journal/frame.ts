/**
 * On disk, little-endian: length u32 · crc32c u32 · group u64 · index u64 · term u64 · type u8 · payload.
 * `length` is the payload's; the CRC is seeded by the segment's identity and covers everything after itself, so that
 * what a file held in an earlier life never passes for data.
 */
import { crc32c } from "@node-rs/crc32";
import { assert, unreachable } from "@millrace/util";
import type { EntryType } from "@millrace/raft";
import { readU64, writeU64 } from "../bytes.ts";
import type { AttributesOf } from "../log-store.ts";
import type { LogRecord } from "../records.ts";

export const FRAME_HEADER_SIZE_BYTES = 33;
assert(FRAME_HEADER_SIZE_BYTES === 4 + 4 + 8 + 8 + 8 + 1, "header size is the sum of its fields");

const CRC_END_BYTES = 8;
const NO_PAYLOAD = Buffer.alloc(0);

/** The type byte. Stable: it is on disks. */
const TYPE = {
  noop: 1,
  data: 2,
  config: 3,
  hardState: 16,
  truncatePrefix: 17,
  reset: 18,
  delete: 19,
  table: 20,
} as const;
const TYPE_MOVED_FLAG = 0x80;
/** Truncated index and term, hard state term and commit index, then a byte: 1 when there is a truncation record. */
const TABLE_PAYLOAD_FIXED_BYTES = 4 * 8 + 1;

/** The payload of a record's frame; entries give theirs without a copy. */
export function payloadOf(record: LogRecord): Buffer {
  switch (record.kind) {
    case "entry":
      return record.entry.payload;
    case "truncation":
      return record.state;
    case "hardState":
      return votedForBytes(record.hardState.votedFor);
    case "delete":
      return NO_PAYLOAD;
    case "table": {
      const votedFor = votedForBytes(record.hardState.votedFor);
      const payload = Buffer.allocUnsafe(TABLE_PAYLOAD_FIXED_BYTES + votedFor.length);
      writeU64(payload, record.truncatedIndex, 0);
      writeU64(payload, record.truncatedTerm, 8);
      writeU64(payload, record.hardState.term, 16);
      writeU64(payload, record.hardState.commitIndex, 24);
      payload.writeUInt8(record.hasTruncation ? 1 : 0, 32);
      votedFor.copy(payload, TABLE_PAYLOAD_FIXED_BYTES);
      return payload;
    }
    default:
      return unreachable(record);
  }
}

/** Writes the header at `offsetBytes` with the CRC still open: `sealFrame` sets it. */
export function writeFrameHeader(
  target: Buffer,
  record: LogRecord,
  payloadSizeBytes: number,
  offsetBytes: number,
): void {
  target.writeUInt32LE(payloadSizeBytes, offsetBytes);
  writeU64(target, record.groupId, offsetBytes + 8);
  let index = 0;
  let term = 0;
  let type: number;
  switch (record.kind) {
    case "entry":
      index = record.entry.index;
      term = record.entry.term;
      type = TYPE[record.entry.type] | (record.moved ? TYPE_MOVED_FLAG : 0);
      break;
    case "truncation":
      index = record.index;
      term = record.term;
      type = (record.reset ? TYPE.reset : TYPE.truncatePrefix) | (record.moved ? TYPE_MOVED_FLAG : 0);
      break;
    case "hardState":
      index = record.hardState.commitIndex;
      term = record.hardState.term;
      type = TYPE.hardState;
      break;
    case "delete":
      type = TYPE.delete;
      break;
    case "table":
      index = record.lastIndex;
      term = record.lastTerm;
      type = TYPE.table;
      break;
    default:
      unreachable(record);
  }
  writeU64(target, index, offsetBytes + 16);
  writeU64(target, term, offsetBytes + 24);
  target.writeUInt8(type, offsetBytes + 32);
}

/** Sets the CRC of a frame whose header is at `offsetBytes`; the payload follows it there, or lies elsewhere. */
export function sealFrame(
  target: Buffer,
  offsetBytes: number,
  payloadInlineBytes: number,
  elsewhere: Buffer,
  seed: number,
): void {
  const endBytes = offsetBytes + FRAME_HEADER_SIZE_BYTES + payloadInlineBytes;
  let crc = crc32c(target.subarray(offsetBytes + CRC_END_BYTES, endBytes), seed);
  if (elsewhere.length > 0) crc = crc32c(elsewhere, crc);
  target.writeUInt32LE(crc, offsetBytes + 4);
}

/** Size of the frame at `offsetBytes`, or undefined when it does not fit into `source` or its CRC is wrong. */
export function checkFrame(source: Buffer, offsetBytes: number, endBytes: number, seed: number): number | undefined {
  if (offsetBytes + FRAME_HEADER_SIZE_BYTES > endBytes) return undefined;
  const sizeBytes = FRAME_HEADER_SIZE_BYTES + source.readUInt32LE(offsetBytes);
  if (offsetBytes + sizeBytes > endBytes) return undefined;
  const crc = crc32c(source.subarray(offsetBytes + CRC_END_BYTES, offsetBytes + sizeBytes), seed);
  return crc === source.readUInt32LE(offsetBytes + 4) ? sizeBytes : undefined;
}

/** The record of a checked frame. Payloads are views of `source`. Undefined for a type that this version does not know. */
export function decodeFrame(
  source: Buffer,
  offsetBytes: number,
  positionBytes: number,
  attributesOf: AttributesOf,
): LogRecord | undefined {
  const payloadStart = offsetBytes + FRAME_HEADER_SIZE_BYTES;
  const payload = source.subarray(payloadStart, payloadStart + source.readUInt32LE(offsetBytes));
  const groupId = readU64(source, offsetBytes + 8);
  const index = readU64(source, offsetBytes + 16);
  const term = readU64(source, offsetBytes + 24);
  const typeByte = source.readUInt8(offsetBytes + 32);
  const moved = (typeByte & TYPE_MOVED_FLAG) !== 0;
  const type = typeByte & ~TYPE_MOVED_FLAG;
  const entryType = entryTypeOf(type);
  if (entryType !== undefined) {
    const entry = { index, term, type: entryType, payload };
    return { kind: "entry", groupId, entry, attributes: attributesOf(entry), moved, positionBytes };
  }
  switch (type) {
    case TYPE.hardState:
      return { kind: "hardState", groupId, hardState: { term, votedFor: votedForOf(payload), commitIndex: index } };
    case TYPE.truncatePrefix:
    case TYPE.reset:
      return {
        kind: "truncation",
        groupId,
        index,
        term,
        state: payload,
        reset: type === TYPE.reset,
        moved,
        positionBytes,
      };
    case TYPE.delete:
      return { kind: "delete", groupId };
    case TYPE.table: {
      if (payload.length < TABLE_PAYLOAD_FIXED_BYTES) return undefined;
      const hardState = {
        term: readU64(payload, 16),
        votedFor: votedForOf(payload.subarray(TABLE_PAYLOAD_FIXED_BYTES)),
        commitIndex: readU64(payload, 24),
      };
      const truncatedIndex = readU64(payload, 0);
      const truncatedTerm = readU64(payload, 8);
      const hasTruncation = payload.readUInt8(32) === 1;
      return {
        kind: "table",
        groupId,
        lastIndex: index,
        lastTerm: term,
        truncatedIndex,
        truncatedTerm,
        hasTruncation,
        hardState,
      };
    }
    default:
      return undefined;
  }
}

function entryTypeOf(type: number): EntryType | undefined {
  if (type === TYPE.data) return "data";
  if (type === TYPE.noop) return "noop";
  if (type === TYPE.config) return "config";
  return undefined;
}

function votedForBytes(votedFor: string | undefined): Buffer {
  return votedFor === undefined ? NO_PAYLOAD : Buffer.from(votedFor, "utf8");
}

function votedForOf(payload: Buffer): string | undefined {
  return payload.length === 0 ? undefined : payload.toString("utf8");
}
