/** Entries from the disk: located in the index, read in few pieces, checked on the way. */
import { defined } from "@millrace/util";
import type { Entry } from "@millrace/raft";
import type { DurableState } from "./durable-state.ts";
import { CorruptEntry, CorruptJournal } from "./errors.ts";
import type { EntryLocation } from "./index-codec.ts";
import { checkFrame, decodeFrame, FRAME_HEADER_SIZE_BYTES } from "./journal/frame.ts";
import type { SegmentLease, Segments } from "./journal/segments.ts";
import type { GroupId } from "./log-store.ts";
import type { EntryRecord } from "./records.ts";

/** Frames of other groups between two wanted ones are read along up to this: cheaper than another read. */
const GAP_BYTES_MAX = 32 * 1024;
const READ_SIZE_BYTES_MAX = 4 * 1024 * 1024;
const LOCATIONS_PER_LOOKUP = 256;

/** Entries of one group that one disk read brings. */
interface Piece {
  readonly segmentId: number;
  readonly startBytes: number;
  endBytes: number;
  readonly firstIndex: number;
  readonly locations: EntryLocation[];
}

/** Where the entries from `fromIndex` lie, until their payloads pass `bytesMax` (the first always counts as fitting). */
export function planRead(
  state: DurableState,
  groupId: GroupId,
  fromIndex: number,
  toIndex: number,
  bytesMax: number,
): { locations: EntryLocation[]; bytes: number; full: boolean } {
  const locations: EntryLocation[] = [];
  let bytes = 0;
  for (let next = fromIndex; next <= toIndex;) {
    const limit = Math.min(LOCATIONS_PER_LOOKUP, toIndex - next + 1);
    const found = state.locations(groupId, next, toIndex, limit);
    for (const location of found) {
      if (locations.length > 0 && bytes + location.payloadSizeBytes > bytesMax) return { locations, bytes, full: true };
      bytes += location.payloadSizeBytes;
      locations.push(location);
    }
    if (found.length < limit) break;
    next += found.length;
  }
  return { locations, bytes, full: locations.length < toIndex - fromIndex + 1 };
}

/** Undefined when a segment went away before it could be opened: its entries have moved (or gone), look again. */
export async function readPlanned(
  segments: Segments,
  groupId: GroupId,
  fromIndex: number,
  locations: readonly EntryLocation[],
): Promise<Entry[] | undefined> {
  const pieces = piecesOf(fromIndex, locations);
  const leases = await acquireAll(segments, groupId, pieces);
  if (leases === undefined) return undefined;
  try {
    const entries: Entry[] = [];
    for (const piece of pieces) {
      const lease = defined(leases.get(piece.segmentId), "each piece's segment is held");
      entries.push(...(await readPiece(lease, groupId, piece)));
    }
    return entries;
  } finally {
    for (const lease of leases.values()) lease.release();
  }
}

function piecesOf(fromIndex: number, locations: readonly EntryLocation[]): Piece[] {
  const pieces: Piece[] = [];
  let last: Piece | undefined;
  locations.forEach((location, at) => {
    const endBytes = location.positionBytes + FRAME_HEADER_SIZE_BYTES + location.payloadSizeBytes;
    const near =
      last !== undefined &&
      last.segmentId === location.segmentId &&
      location.positionBytes >= last.endBytes &&
      location.positionBytes - last.endBytes <= GAP_BYTES_MAX &&
      endBytes - last.startBytes <= READ_SIZE_BYTES_MAX;
    if (last !== undefined && near) {
      last.endBytes = endBytes;
      last.locations.push(location);
    } else {
      const { segmentId, positionBytes } = location;
      last = { segmentId, startBytes: positionBytes, endBytes, firstIndex: fromIndex + at, locations: [location] };
      pieces.push(last);
    }
  });
  return pieces;
}

/** All of them before the first read: what is held cannot be removed from under us. */
async function acquireAll(
  segments: Segments,
  groupId: GroupId,
  pieces: readonly Piece[],
): Promise<Map<number, SegmentLease> | undefined> {
  const leases = new Map<number, SegmentLease>();
  try {
    for (const piece of pieces) {
      const { segmentId } = piece;
      if (leases.has(segmentId)) continue;
      const lease = await acquire(segments, groupId, piece);
      if (lease === undefined) break;
      leases.set(segmentId, lease);
    }
  } catch (error) {
    for (const lease of leases.values()) lease.release();
    throw error;
  }
  if (pieces.every((piece) => leases.has(piece.segmentId))) return leases;
  for (const lease of leases.values()) lease.release();
  return undefined;
}

/** Without its header no frame of a segment can be checked: each of its entries is unreadable. @throws CorruptEntry the first */
async function acquire(segments: Segments, groupId: GroupId, piece: Piece): Promise<SegmentLease | undefined> {
  try {
    return await segments.acquire(piece.segmentId);
  } catch (error) {
    if (!(error instanceof CorruptJournal) && (error as NodeJS.ErrnoException).code !== "EIO") throw error;
    const { positionBytes } = piece.locations[0] as EntryLocation;
    const path = segments.pathOf(piece.segmentId);
    throw new CorruptEntry(groupId, piece.firstIndex, path, positionBytes, { cause: error });
  }
}

async function readPiece(lease: SegmentLease, groupId: GroupId, piece: Piece): Promise<Entry[]> {
  const bytes = Buffer.allocUnsafe(piece.endBytes - piece.startBytes);
  const corrupt = (at: number, cause?: unknown): CorruptEntry => {
    const location = piece.locations[at] as EntryLocation;
    return new CorruptEntry(groupId, piece.firstIndex + at, lease.path, location.positionBytes, { cause });
  };
  let count: number;
  try {
    count = await lease.file.read(bytes, piece.startBytes);
  } catch (error) {
    throw corrupt(0, error); // EIO: a sector that cannot be read is as lost as a wrong one
  }
  return piece.locations.map((location, at) => {
    const offset = location.positionBytes - piece.startBytes;
    const record = decodeChecked(bytes, offset, count, lease.seed, location.positionBytes);
    if (record === undefined || record.groupId !== groupId) throw corrupt(at);
    if (record.entry.index !== piece.firstIndex + at || record.entry.term !== location.term) throw corrupt(at);
    return record.entry;
  });
}

function decodeChecked(
  bytes: Buffer,
  offset: number,
  endBytes: number,
  seed: number,
  positionBytes: number,
): EntryRecord | undefined {
  if (checkFrame(bytes, offset, endBytes, seed) === undefined) return undefined;
  const record = decodeFrame(bytes, offset, positionBytes, () => undefined);
  return record?.kind === "entry" ? record : undefined;
}
