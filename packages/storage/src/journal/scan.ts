/** Reading a segment from a given place on, write group by write group. */
import type { DiskFile } from "@millrace/util";
import { UnknownJournalVersion } from "../errors.ts";
import type { AttributesOf } from "../log-store.ts";
import type { LogRecord } from "../records.ts";
import { checkFrame, decodeFrame } from "./frame.ts";
import {
  decodeForeignHeader,
  decodeGroupHeader,
  frameSeed,
  GROUP_HEADER_SIZE_BYTES,
  GROUP_MAGIC,
  type GroupHeader,
  JOURNAL_FORMAT_VERSION,
  type SegmentIdentity,
} from "./write-group.ts";

const WINDOW_SIZE_BYTES = 1024 * 1024;

/** A moving view of a file, so that small steps do not become small reads. */
export class FileWindow {
  readonly #file: DiskFile;
  #bytes: Buffer = Buffer.alloc(0);
  #startBytes = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** A view of at most `sizeBytes`, shorter only at the end of the file; valid until the next call. */
  async view(positionBytes: number, sizeBytes: number): Promise<Buffer> {
    const offset = positionBytes - this.#startBytes;
    if (offset < 0 || offset + sizeBytes > this.#bytes.length) {
      const target = Buffer.allocUnsafe(Math.max(sizeBytes, WINDOW_SIZE_BYTES));
      const count = await this.#file.read(target, positionBytes);
      this.#bytes = target.subarray(0, count);
      this.#startBytes = positionBytes;
      return this.#bytes.subarray(0, sizeBytes);
    }
    return this.#bytes.subarray(offset, offset + sizeBytes);
  }
}

export type ScannedGroup =
  | {
      readonly valid: true;
      readonly header: GroupHeader;
      /** Payloads are views that are valid until the next read of the window. */
      readonly records: readonly LogRecord[];
      readonly endBytes: number;
    }
  | { readonly valid: false; readonly detail: string; readonly header: GroupHeader | undefined };

/**
 * The write group at `positionBytes`. `identity`: of this life of the file, undefined while it is not known.
 * @throws UnknownJournalVersion: it is whole, and was acknowledged by another version of the program
 */
export async function scanGroup(
  window: FileWindow,
  positionBytes: number,
  segmentId: number,
  identity: SegmentIdentity | undefined,
  attributesOf: AttributesOf,
): Promise<ScannedGroup> {
  const headerBytes = await window.view(positionBytes, GROUP_HEADER_SIZE_BYTES);
  const header = decodeGroupHeader(headerBytes, 0);
  if (header === undefined) {
    refuseForeign(headerBytes, positionBytes, segmentId, identity);
    return { valid: false, detail: "no valid write group header", header };
  }
  if (header.identity.segmentId !== segmentId) return { valid: false, detail: "header of another segment", header };
  if (identity !== undefined && !header.identity.salt.equals(identity.salt)) {
    return { valid: false, detail: "header of an earlier life of the file", header };
  }
  const bodyStart = positionBytes + GROUP_HEADER_SIZE_BYTES;
  const body = await window.view(bodyStart, header.bodySizeBytes);
  if (body.length < header.bodySizeBytes) return { valid: false, detail: "the write group is cut short", header };
  const seed = frameSeed(header.identity);
  const records: LogRecord[] = [];
  let at = 0;
  while (at < body.length) {
    const sizeBytes = checkFrame(body, at, body.length, seed);
    if (sizeBytes === undefined)
      return { valid: false, detail: `bad frame ${records.length} of the write group`, header };
    const record = decodeFrame(body, at, bodyStart + at, attributesOf);
    if (record === undefined) return { valid: false, detail: "a frame of an unknown type", header };
    records.push(record);
    at += sizeBytes;
  }
  if (records.length !== header.frameCount) return { valid: false, detail: "frames are missing", header };
  return { valid: true, header, records, endBytes: bodyStart + body.length };
}

/** A torn tail has no whole header; and what an earlier life of the file left has another salt. */
function refuseForeign(
  headerBytes: Buffer,
  positionBytes: number,
  segmentId: number,
  identity: SegmentIdentity | undefined,
): void {
  const foreign = decodeForeignHeader(headerBytes, 0);
  if (foreign === undefined || foreign.identity.segmentId !== segmentId) return;
  if (identity !== undefined && !foreign.identity.salt.equals(identity.salt)) return;
  throw new UnknownJournalVersion(segmentId, positionBytes, foreign.version, JOURNAL_FORMAT_VERSION);
}

/**
 * Where a valid header later than `sequence` begins, anywhere from `fromBytes` on, or undefined. Only one write is ever
 * in flight, so anything after a bad write group proves that it had been durable.
 */
export async function findLaterGroup(
  file: DiskFile,
  segmentId: number,
  identity: SegmentIdentity | undefined,
  sequence: number,
  fromBytes: number,
): Promise<number | undefined> {
  const chunk = Buffer.allocUnsafe(WINDOW_SIZE_BYTES);
  for (let start = fromBytes; ; start += WINDOW_SIZE_BYTES - GROUP_HEADER_SIZE_BYTES) {
    const count = await file.read(chunk, start);
    const bytes = chunk.subarray(0, count);
    for (let at = bytes.indexOf(GROUP_MAGIC); at !== -1; at = bytes.indexOf(GROUP_MAGIC, at + 1)) {
      const header = decodeGroupHeader(bytes, at);
      if (header === undefined || header.identity.segmentId !== segmentId || header.sequence <= sequence) continue;
      if (identity !== undefined && !header.identity.salt.equals(identity.salt)) continue;
      return start + at;
    }
    if (count < WINDOW_SIZE_BYTES) return undefined;
  }
}
