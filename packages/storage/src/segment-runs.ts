import { assert } from "@millrace/util";

/** A run of a group's entries whose frames lie in one segment. */
export interface SegmentRun {
  fromIndex: number;
  toIndex: number;
  segmentId: number;
  /** Bytes of the frames; an estimate once a part of the run has gone. */
  bytes: number;
}

/** Entries that the journal says exist, not yet found while recovering. Segment numbers start at 1. */
export const MISSING_SEGMENT_ID = 0;

/** Told of every change, so that each segment's live bytes are the sum over the runs in it. */
export interface UsageListener {
  change(segmentId: number, bytes: number, items: number): void;
}

/**
 * In which segments a group's log lies: runs that tile it exactly. This is what decides when a segment is dead, with
 * memory by the number of segments a group touches, not by its entries.
 */
export class SegmentRuns {
  readonly #usage: UsageListener;
  #runs: SegmentRun[] = [];
  /** Runs as the index holds them, by the last index: all but the newest, which is part of the group's summary. */
  readonly #saved = new Map<SegmentRun, number>();
  readonly #unsaved = new Set<SegmentRun>();
  readonly #staleKeys = new Set<number>();

  constructor(usage: UsageListener) {
    this.#usage = usage;
  }

  get runs(): readonly SegmentRun[] {
    return this.#runs;
  }

  get last(): SegmentRun | undefined {
    return this.#runs.at(-1);
  }

  /** Takes over what the index holds, cut to what comes after `truncatedIndex`. False when the runs leave a gap. */
  load(saved: readonly SegmentRun[], last: SegmentRun | undefined, truncatedIndex: number, lastIndex: number): boolean {
    let next = truncatedIndex + 1;
    for (const run of last === undefined ? [] : [...saved, last]) {
      if (run !== last && last !== undefined && run.toIndex >= last.fromIndex) continue;
      if (run.toIndex <= truncatedIndex) continue;
      if (run.fromIndex < next && next === truncatedIndex + 1) trimFront(run, next);
      if (run.fromIndex !== next) return false;
      next = run.toIndex + 1;
      this.#runs.push(run);
      this.#usage.change(run.segmentId, run.bytes, 1);
      if (run !== last) this.#saved.set(run, run.toIndex);
      else this.#unsaved.add(run);
    }
    return next === lastIndex + 1;
  }

  append(index: number, segmentId: number, bytes: number): void {
    this.#appendRun({ fromIndex: index, toIndex: index, segmentId, bytes });
  }

  /** Recovery: entries up to `toIndex` exist, their frames come later. */
  appendMissing(fromIndex: number, toIndex: number): void {
    this.#appendRun({ fromIndex, toIndex, segmentId: MISSING_SEGMENT_ID, bytes: 0 });
  }

  truncateSuffix(lastIndex: number): void {
    for (let run = this.last; run !== undefined && run.toIndex > lastIndex; run = this.last) {
      if (run.fromIndex > lastIndex) {
        this.#runs.pop();
        this.#forget(run);
        continue;
      }
      const gone = share(run, run.toIndex - lastIndex);
      this.#touch(run);
      run.toIndex = lastIndex;
      run.bytes -= gone;
      this.#usage.change(run.segmentId, -gone, 0);
    }
  }

  truncatePrefix(index: number): void {
    let dead = 0;
    for (const run of this.#runs) {
      if (run.toIndex > index) break;
      this.#forget(run);
      dead++;
    }
    if (dead > 0) this.#runs.splice(0, dead);
    const head = this.#runs[0];
    // Not marked as changed: `load` cuts the head again.
    if (head !== undefined && head.fromIndex <= index)
      this.#usage.change(head.segmentId, -trimFront(head, index + 1), 0);
  }

  clear(): void {
    for (const run of this.#runs) this.#forget(run);
    this.#runs = [];
  }

  /** The entry at `index` now lies in another segment. */
  relocate(index: number, segmentId: number, bytes: number): void {
    const at = this.#find(index);
    const run = this.#runs[at];
    assert(run !== undefined, "only held entries move");
    if (run.segmentId === segmentId) return;
    const before = this.#runs[at - 1];
    // The usual case: a whole run moves, entry by entry from its front, into one that grows.
    if (run.fromIndex === index && before?.segmentId === segmentId) {
      this.#touch(before);
      before.toIndex = index;
      before.bytes += bytes;
      this.#usage.change(segmentId, bytes, 0);
      this.#dropFront(at, run);
      return;
    }
    const moved: SegmentRun = { fromIndex: index, toIndex: index, segmentId, bytes };
    const pieces: SegmentRun[] = [moved];
    const gone = share(run, 1);
    if (run.fromIndex < index) {
      const head = { ...run, toIndex: index - 1, bytes: share(run, index - run.fromIndex) };
      pieces.unshift(head);
    }
    if (run.toIndex > index) {
      const headBytes = run.fromIndex < index ? share(run, index - run.fromIndex) : 0;
      pieces.push({ ...run, fromIndex: index + 1, bytes: run.bytes - headBytes - gone });
    }
    this.#forget(run);
    this.#runs.splice(at, 1, ...pieces);
    for (const piece of pieces) {
      this.#unsaved.add(piece);
      this.#usage.change(piece.segmentId, piece.bytes, 1);
    }
  }

  /** Hands over what changed since the last call. `remove` first: a key may be given again. */
  flush(remove: (toIndex: number) => void, put: (run: SegmentRun) => void): void {
    for (const key of this.#staleKeys) remove(key);
    this.#staleKeys.clear();
    const last = this.last;
    for (const run of this.#unsaved) {
      if (run === last) continue;
      put(run);
      this.#saved.set(run, run.toIndex);
      this.#unsaved.delete(run);
    }
  }

  #appendRun(run: SegmentRun): void {
    const last = this.last;
    if (last !== undefined && last.segmentId === run.segmentId) {
      this.#touch(last);
      last.toIndex = run.toIndex;
      last.bytes += run.bytes;
      this.#usage.change(run.segmentId, run.bytes, 0);
      return;
    }
    this.#runs.push(run);
    this.#unsaved.add(run);
    this.#usage.change(run.segmentId, run.bytes, 1);
  }

  #dropFront(at: number, run: SegmentRun): void {
    if (run.fromIndex === run.toIndex) {
      this.#forget(run);
      this.#runs.splice(at, 1);
      return;
    }
    this.#touch(run);
    this.#usage.change(run.segmentId, -trimFront(run, run.fromIndex + 1), 0);
  }

  #forget(run: SegmentRun): void {
    this.#touch(run);
    this.#unsaved.delete(run);
    this.#usage.change(run.segmentId, -run.bytes, -1);
  }

  /** What the index holds of `run` is no longer true. */
  #touch(run: SegmentRun): void {
    const key = this.#saved.get(run);
    if (key !== undefined) {
      this.#staleKeys.add(key);
      this.#saved.delete(run);
    }
    this.#unsaved.add(run);
  }

  #find(index: number): number {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#runs[middle] as SegmentRun).toIndex < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function share(run: SegmentRun, entries: number): number {
  const count = run.toIndex - run.fromIndex + 1;
  return entries >= count ? run.bytes : Math.floor((run.bytes * entries) / count);
}

/** Cuts the front off; returns the bytes that went with it. */
function trimFront(run: SegmentRun, fromIndex: number): number {
  const gone = share(run, fromIndex - run.fromIndex);
  run.fromIndex = fromIndex;
  run.bytes -= gone;
  return gone;
}
