/**
 * What one write and one fdatasync put on disk: a header, then frames that fill the body exactly. Header, little-endian:
 * magic u32 · version u8 · kind u8 · 0 u16 · segment u64 · salt 8 bytes · sequence u64 · body size u32 · frame count u32 ·
 * crc32c u32 over all before it.
 *
 * The sequence number grows by one with each write group of the store: it tells a torn tail (nothing valid follows)
 * from corruption (a later write group is there). The salt is drawn for each life of a file, so that neither stale
 * blocks nor a record that happens to hold a journal's bytes are taken for a later write group.
 */
import { crc32c } from "@node-rs/crc32";
import { assert } from "@millrace/util";
import { readU64, writeU64 } from "../bytes.ts";
import type { LogRecord } from "../records.ts";
import { FRAME_HEADER_SIZE_BYTES, payloadOf, sealFrame, writeFrameHeader } from "./frame.ts";

export const GROUP_HEADER_SIZE_BYTES = 44;
export const GROUP_MAGIC = Buffer.from("MRWG", "latin1");
/** With another one goes another version of the index: an older program has to look through the journal, and see it. */
export const JOURNAL_FORMAT_VERSION = 1;
export const SALT_SIZE_BYTES = 8;

/** Payloads up to this are copied behind their header: a piece of a writev costs more than such a copy. */
const INLINE_PAYLOAD_BYTES_MAX = 4_096;
const BODY_SIZE_BYTES_MAX = 0xffff_ffff;
const NO_PAYLOAD = Buffer.alloc(0);

/** `table`: the first of a segment. `seal`: empty, proves that the write group before it was whole. */
export type WriteGroupKind = "table" | "records" | "seal";
const KINDS: readonly WriteGroupKind[] = ["table", "records", "seal"];

/** What binds frames and headers to one life of one segment. */
export interface SegmentIdentity {
  readonly segmentId: number;
  readonly salt: Buffer;
}

export interface GroupHeader {
  readonly identity: SegmentIdentity;
  readonly kind: WriteGroupKind;
  readonly sequence: number;
  readonly bodySizeBytes: number;
  readonly frameCount: number;
}

/** Initial CRC of every frame in a segment. */
export function frameSeed(identity: SegmentIdentity): number {
  const bytes = Buffer.alloc(8 + SALT_SIZE_BYTES);
  writeU64(bytes, identity.segmentId, 0);
  identity.salt.copy(bytes, 8);
  return crc32c(bytes);
}

/** The header at `offsetBytes`, or undefined when there is none that is whole and of this version. */
export function decodeGroupHeader(source: Buffer, offsetBytes: number): GroupHeader | undefined {
  if (!isWholeHeader(source, offsetBytes)) return undefined;
  const kind = KINDS[source.readUInt8(offsetBytes + 5)];
  if (kind === undefined || source.readUInt8(offsetBytes + 4) !== JOURNAL_FORMAT_VERSION) return undefined;
  return {
    identity: identityAt(source, offsetBytes),
    kind,
    sequence: readU64(source, offsetBytes + 24),
    bodySizeBytes: source.readUInt32LE(offsetBytes + 32),
    frameCount: source.readUInt32LE(offsetBytes + 36),
  };
}

/** A whole header of another version, whose first 24 bytes and checksum are where they are in this one. */
export function decodeForeignHeader(
  source: Buffer,
  offsetBytes: number,
): { readonly version: number; readonly identity: SegmentIdentity } | undefined {
  if (!isWholeHeader(source, offsetBytes)) return undefined;
  const version = source.readUInt8(offsetBytes + 4);
  return version === JOURNAL_FORMAT_VERSION ? undefined : { version, identity: identityAt(source, offsetBytes) };
}

function isWholeHeader(source: Buffer, offsetBytes: number): boolean {
  if (offsetBytes + GROUP_HEADER_SIZE_BYTES > source.length) return false;
  if (source.compare(GROUP_MAGIC, 0, 4, offsetBytes, offsetBytes + 4) !== 0) return false;
  return crc32c(source.subarray(offsetBytes, offsetBytes + 40)) === source.readUInt32LE(offsetBytes + 40);
}

function identityAt(source: Buffer, offsetBytes: number): SegmentIdentity {
  return {
    segmentId: readU64(source, offsetBytes + 8),
    salt: Buffer.from(source.subarray(offsetBytes + 16, offsetBytes + 24)),
  };
}

export interface EncodedGroup {
  /** To be written one after the other. Views of the encoder's own buffer and of the payloads: not kept, not changed. */
  readonly chunks: readonly Buffer[];
  readonly sizeBytes: number;
}

/** Size of a record's frame on disk. */
export function frameSizeBytes(record: LogRecord): number {
  if (record.kind === "entry") return FRAME_HEADER_SIZE_BYTES + record.entry.payload.length;
  return FRAME_HEADER_SIZE_BYTES + payloadOf(record).length;
}

/** Encodes one write group at a time: its buffer is used again by the next, so only one may be in flight. */
export class WriteGroupEncoder {
  #staging = Buffer.allocUnsafeSlow(256 * 1024);

  /** `positionBytes`: where the write group will begin in its segment. Sets the records' positions. */
  encode(
    identity: SegmentIdentity,
    seed: number,
    sequence: number,
    kind: WriteGroupKind,
    records: readonly LogRecord[],
    positionBytes: number,
  ): EncodedGroup {
    const payloads = records.map(payloadOf);
    const staging = this.#reserve(payloads);
    const chunks: Buffer[] = [];
    let cursor = GROUP_HEADER_SIZE_BYTES;
    let chunkStart = 0;
    let bodySizeBytes = 0;
    for (let at = 0; at < records.length; at++) {
      const record = records[at] as LogRecord;
      const payload = payloads[at] as Buffer;
      const start = cursor;
      if (record.kind === "entry" || record.kind === "truncation") {
        record.positionBytes = positionBytes + GROUP_HEADER_SIZE_BYTES + bodySizeBytes;
      }
      writeFrameHeader(staging, record, payload.length, start);
      cursor += FRAME_HEADER_SIZE_BYTES;
      if (payload.length <= INLINE_PAYLOAD_BYTES_MAX) {
        payload.copy(staging, cursor);
        cursor += payload.length;
        sealFrame(staging, start, payload.length, NO_PAYLOAD, seed);
      } else {
        sealFrame(staging, start, 0, payload, seed);
        chunks.push(staging.subarray(chunkStart, cursor), payload);
        chunkStart = cursor;
      }
      bodySizeBytes += FRAME_HEADER_SIZE_BYTES + payload.length;
    }
    if (chunkStart < cursor) chunks.push(staging.subarray(chunkStart, cursor));
    assert(bodySizeBytes <= BODY_SIZE_BYTES_MAX, "a write group fits its length field");
    writeGroupHeader(staging, identity, sequence, kind, bodySizeBytes, records.length);
    return { chunks, sizeBytes: GROUP_HEADER_SIZE_BYTES + bodySizeBytes };
  }

  #reserve(payloads: readonly Buffer[]): Buffer {
    let needed = GROUP_HEADER_SIZE_BYTES;
    for (const payload of payloads) {
      needed += FRAME_HEADER_SIZE_BYTES + (payload.length <= INLINE_PAYLOAD_BYTES_MAX ? payload.length : 0);
    }
    if (needed > this.#staging.length) this.#staging = Buffer.allocUnsafeSlow(needed + (needed >> 1));
    return this.#staging;
  }
}

function writeGroupHeader(
  target: Buffer,
  identity: SegmentIdentity,
  sequence: number,
  kind: WriteGroupKind,
  bodySizeBytes: number,
  frameCount: number,
): void {
  GROUP_MAGIC.copy(target, 0);
  target.writeUInt8(JOURNAL_FORMAT_VERSION, 4);
  target.writeUInt8(KINDS.indexOf(kind), 5);
  target.writeUInt16LE(0, 6);
  writeU64(target, identity.segmentId, 8);
  identity.salt.copy(target, 16);
  writeU64(target, sequence, 24);
  target.writeUInt32LE(bodySizeBytes, 32);
  target.writeUInt32LE(frameCount, 36);
  target.writeUInt32LE(crc32c(target.subarray(0, 40)), 40);
}
