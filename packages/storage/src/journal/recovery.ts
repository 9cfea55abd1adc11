/**
 * Opening: reads the journal from where the index ends, cuts a torn tail, refuses corruption.
 *
 * Torn: the newest write group is not whole, nothing valid comes after it, and it is not known to have been durable.
 * It was never acknowledged, and goes. Anything else that is not valid is corruption: cutting there would lose
 * acknowledged entries without a word.
 */
import { AssertionError, type Clock, type Disk, type DiskFile, type Failpoint } from "@millrace/util";
import type { DurableState } from "../durable-state.ts";
import { CorruptJournal } from "../errors.ts";
import type { IndexMeta } from "../index-codec.ts";
import type { AttributesOf } from "../log-store.ts";
import { MISSING_SEGMENT_ID } from "../segment-runs.ts";
import { FileWindow, findLaterGroup, scanGroup } from "./scan.ts";
import { segmentIdOf, type Segments } from "./segments.ts";
import type { SegmentIdentity } from "./write-group.ts";

export interface RecoverySource {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly journalDirectory: string;
  readonly segments: Segments;
  readonly state: DurableState;
  /** From where on the index has to catch up; undefined: from the beginning. */
  readonly indexed: IndexMeta | undefined;
  readonly attributesOf: AttributesOf;
  readonly failpoint: Failpoint | undefined;
}

export interface Recovered {
  readonly lastSequence: number;
  readonly lastSegmentId: number;
  /** Bytes of an unacknowledged write group that were cut off. */
  readonly tornBytes: number;
  readonly scannedBytes: number;
}

interface Progress {
  sequence: number;
  tornBytes: number;
  scannedBytes: number;
}

/** @throws CorruptJournal */
export async function recoverJournal(source: RecoverySource): Promise<Recovered> {
  const { disk, segments, state, indexed, clock, failpoint } = source;
  const ids = (await disk.list(source.journalDirectory))
    .map(segmentIdOf)
    .filter((id) => id !== undefined)
    .sort((a, b) => a - b);
  const startId = indexed?.segmentId ?? 0;
  const progress: Progress = { sequence: indexed?.sequence ?? 0, tornBytes: 0, scannedBytes: 0 };
  let lastId = indexed?.segmentId ?? 0;
  // Numbers of write groups are only known to continue after a segment that was read to its end.
  let readToEndId: number | undefined;
  for (let at = 0; at < ids.length; at++) {
    const id = ids[at] as number;
    const file = await disk.open(segments.pathOf(id), { create: false });
    try {
      let sizeBytes = await file.sizeBytes();
      if (id >= startId) {
        const fromBytes = id === startId ? (indexed?.positionBytes ?? 0) : 0;
        sizeBytes = await recoverSegment(source, file, id, fromBytes, ids.slice(at + 1), readToEndId, progress);
        readToEndId = id;
      }
      if (sizeBytes > 0) {
        segments.add(id, sizeBytes, clock.monotonicMs());
        lastId = Math.max(lastId, id);
      }
    } finally {
      await file.close();
    }
    if (segments.get(id) === undefined) {
      failpoint?.("recovery.before-remove-empty");
      await disk.remove(segments.pathOf(id));
    }
  }
  const newest = ids.at(-1) ?? 0;
  if (indexed !== undefined && newest < indexed.segmentId) {
    const path = segments.pathOf(indexed.segmentId);
    throw new CorruptJournal(path, 0, `the file is missing, with write group ${indexed.sequence}, which was durable`);
  }
  await disk.syncDirectory(source.journalDirectory);
  state.settleTerms();
  checkComplete(source);
  failpoint?.("recovery.done");
  return {
    lastSequence: progress.sequence,
    lastSegmentId: lastId,
    tornBytes: progress.tornBytes,
    scannedBytes: progress.scannedBytes,
  };
}

/** Applies one segment from `fromBytes` on; returns where its last whole write group ends. */
async function recoverSegment(
  source: RecoverySource,
  file: DiskFile,
  id: number,
  fromBytes: number,
  laterIds: readonly number[],
  readToEndId: number | undefined,
  progress: Progress,
): Promise<number> {
  const { segments, attributesOf, failpoint } = source;
  const path = segments.pathOf(id);
  const sizeBytes = await file.sizeBytes();
  if (sizeBytes < fromBytes)
    throw new CorruptJournal(path, sizeBytes, `shorter than the ${fromBytes} bytes that were durable`);
  const window = new FileWindow(file);
  let identity: SegmentIdentity | undefined;
  if (fromBytes > 0) {
    const first = await scanGroup(window, 0, id, undefined, attributesOf);
    identity = first.header?.identity;
    if (identity === undefined) throw new CorruptJournal(path, 0, "the segment's first header is not valid");
  }
  let position = fromBytes;
  let lastStart: number | undefined;
  while (position < sizeBytes) {
    const group = await scanGroup(window, position, id, identity, attributesOf);
    if (!group.valid) {
      await refuseCorruption(source, file, id, identity, position, group.detail, laterIds, progress);
      progress.tornBytes += sizeBytes - position;
      failpoint?.("recovery.before-cut-tail");
      await file.truncate(position);
      await file.datasync();
      failpoint?.("recovery.after-cut-tail");
      break;
    }
    const { header } = group;
    const isNext = position > 0 || (readToEndId !== undefined && id === readToEndId + 1);
    const follows = isNext ? header.sequence === progress.sequence + 1 : header.sequence > progress.sequence;
    if (!follows) {
      throw new CorruptJournal(
        path,
        position,
        `write group ${header.sequence} follows ${progress.sequence}: some are missing`,
      );
    }
    if ((position === 0) !== (header.kind === "table"))
      throw new CorruptJournal(path, position, "a segment begins with its table");
    identity = header.identity;
    applyGroup(source, path, id, position, group.endBytes, group.records, header.kind === "table", header.sequence);
    progress.sequence = header.sequence;
    progress.scannedBytes += group.endBytes - position;
    lastStart = position;
    position = group.endBytes;
  }
  if (laterIds.length === 0 && lastStart !== undefined) {
    failpoint?.("recovery.before-rewrite-tail");
    await makeDurable(file, lastStart, position);
    failpoint?.("recovery.after-rewrite-tail");
  }
  return position;
}

function applyGroup(
  { state }: RecoverySource,
  path: string,
  id: number,
  positionBytes: number,
  endBytes: number,
  records: Parameters<DurableState["apply"]>[1],
  isTable: boolean,
  sequence: number,
): void {
  try {
    state.apply(id, records, isTable);
  } catch (error) {
    if (error instanceof AssertionError) throw new CorruptJournal(path, positionBytes, error.message);
    throw error;
  }
  state.commit({ segmentId: id, positionBytes: endBytes, sequence });
}

/**
 * The last write group may be in the page cache only: its sync may have failed, or the process died before it. Written
 * again and synced, it is what it seems to be (a failed fsync leaves pages that look clean and never reach the disk).
 */
async function makeDurable(file: DiskFile, fromBytes: number, toBytes: number): Promise<void> {
  const bytes = Buffer.allocUnsafe(toBytes - fromBytes);
  await file.read(bytes, fromBytes);
  await file.write([bytes], fromBytes);
  await file.datasync();
}

async function refuseCorruption(
  source: RecoverySource,
  file: DiskFile,
  id: number,
  identity: SegmentIdentity | undefined,
  positionBytes: number,
  detail: string,
  laterIds: readonly number[],
  progress: Progress,
): Promise<void> {
  const path = source.segments.pathOf(id);
  const refuse = (proof: string): never => {
    throw new CorruptJournal(path, positionBytes, `${detail}, but ${proof}`);
  };
  const later = await findLaterGroup(file, id, identity, progress.sequence, positionBytes + 1);
  if (later !== undefined) refuse(`a later write group begins at byte ${later}`);
  for (const laterId of laterIds) {
    const laterPath = source.segments.pathOf(laterId);
    const laterFile = await source.disk.open(laterPath, { create: false });
    try {
      if ((await findLaterGroup(laterFile, laterId, undefined, progress.sequence, 0)) !== undefined) {
        refuse(`${laterPath} holds later write groups`);
      }
    } finally {
      await laterFile.close();
    }
  }
}

/** Every entry that the groups claim must lie in a segment that is there. */
function checkComplete({ segments, state, journalDirectory }: RecoverySource): void {
  for (const [groupId, group] of state.groups) {
    for (const run of group.runs.runs) {
      const entries = `entries ${run.fromIndex} to ${run.toIndex} of group ${groupId}`;
      if (run.segmentId === MISSING_SEGMENT_ID) throw new CorruptJournal(journalDirectory, 0, `${entries} are nowhere`);
      if (segments.get(run.segmentId) === undefined) {
        throw new CorruptJournal(segments.pathOf(run.segmentId), 0, `the file is missing, with ${entries}`);
      }
    }
    const { truncation, shape } = group;
    if (truncation.segmentId === 0 ? shape.truncatedIndex > 0 : segments.get(truncation.segmentId) === undefined) {
      throw new CorruptJournal(journalDirectory, 0, `the truncation record of group ${groupId} is nowhere`);
    }
  }
}
