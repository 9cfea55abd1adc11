/**
 * Gives disk back: removes segments in which nothing lives, and empties those that are kept alive by little, by
 * writing what lives in them again, through the same write path, at a bounded rate.
 */
import type { Clock, Disk, Failpoint, Timer } from "@millrace/util";
import type { DurableState } from "./durable-state.ts";
import { CorruptEntry, CorruptJournal } from "./errors.ts";
import { checkFrame, decodeFrame, FRAME_HEADER_SIZE_BYTES } from "./journal/frame.ts";
import type { Segment, Segments } from "./journal/segments.ts";
import type { GroupId } from "./log-store.ts";
import { planRead, readPlanned } from "./reader.ts";
import type { EntryRecord, LogRecord } from "./records.ts";

export interface ReclaimOptions {
  /** A closed segment with a smaller live part than this is emptied. */
  readonly liveFractionMax: number;
  /** Not before it has been closed for this long: it may die by itself. */
  readonly ageMs: number;
  readonly bytesPerSecond: number;
  readonly intervalMs: number;
}

export const DEFAULT_RECLAIM: ReclaimOptions = {
  liveFractionMax: 0.25,
  ageMs: 60_000,
  bytesPerSecond: 16 * 1024 * 1024,
  intervalMs: 1_000,
};

export interface ReclaimHost {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly segments: Segments;
  readonly state: DurableState;
  readonly segmentSizeBytes: number;
  /** Submits copies of what is still live; resolves when they are durable and indexed. False: the store is ending. */
  rewrite(records: readonly LogRecord[]): Promise<boolean>;
  /** Room for copies, beyond what keeps hard state writable. */
  hasRoom(sizeBytes: number): boolean;
  onRemoved(): void;
  onError(error: unknown): void;
  readonly failpoint: Failpoint | undefined;
}

const COPY_SIZE_BYTES = 1024 * 1024;

export class Reclaimer {
  readonly #host: ReclaimHost;
  readonly #options: ReclaimOptions;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #closed = false;
  /** Unreadable: kept as they are, so that the host may still learn what it can. */
  readonly #skip = new Set<number>();
  /** To be emptied whatever lives in them. */
  readonly #distrusted = new Set<number>();

  constructor(host: ReclaimHost, options: ReclaimOptions) {
    this.#host = host;
    this.#options = options;
  }

  start(): void {
    if (this.#closed) return;
    this.#timer = this.#host.clock.setTimer(this.#options.intervalMs, () => {
      void this.runOnce().then(() => this.start());
    });
  }

  /** A bad entry was found there, and has been replaced. The next bad one stops the emptying until it is replaced too. */
  distrust(segmentId: number): void {
    this.#distrusted.add(segmentId);
    this.#skip.delete(segmentId);
  }

  /** One pass: at most one segment is emptied. */
  runOnce(): Promise<void> {
    this.#running ??= this.#pass()
      .catch((error: unknown) => this.#host.onError(error))
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  async #pass(): Promise<void> {
    await this.#removeDead();
    const segment = this.#candidate();
    if (segment === undefined) return;
    await this.#empty(segment);
    await this.#removeDead();
  }

  async #removeDead(): Promise<void> {
    const { segments, failpoint } = this.#host;
    let removed = 0;
    for (const segment of [...segments.all()]) {
      if (this.#closed || !segments.isDead(segment)) continue;
      failpoint?.("reclaim.before-remove-segment");
      await segments.remove(segment);
      failpoint?.("reclaim.after-remove-segment");
      this.#distrusted.delete(segment.id);
      removed++;
    }
    if (removed > 0) this.#host.onRemoved();
  }

  #candidate(): Segment | undefined {
    const { segments, clock, segmentSizeBytes } = this.#host;
    const { liveFractionMax, ageMs } = this.#options;
    const now = clock.monotonicMs();
    let best: Segment | undefined;
    let bestBytes = Number.POSITIVE_INFINITY;
    for (const segment of segments.all()) {
      if (segment.closedAtMs === undefined || this.#skip.has(segment.id)) continue;
      const live = segments.liveBytes(segment.id);
      if (this.#distrusted.has(segment.id) && this.#host.hasRoom(live)) return segment;
      if (now - segment.closedAtMs < ageMs) continue;
      // Measured by a full segment: small ones, from restarts, are gathered too.
      if (live > liveFractionMax * segmentSizeBytes || live >= bestBytes) continue;
      best = segment;
      bestBytes = live;
    }
    return best !== undefined && this.#host.hasRoom(bestBytes) ? best : undefined;
  }

  async #empty(segment: Segment): Promise<void> {
    try {
      for (const [groupId, group] of [...this.#host.state.groups]) {
        if (group.truncation.segmentId === segment.id) await this.#moveTruncation(segment, groupId);
        for (const { fromIndex, toIndex, segmentId } of [...group.runs.runs]) {
          if (segmentId === segment.id) await this.#moveRun(segment.id, groupId, fromIndex, toIndex);
        }
        if (this.#closed) return;
      }
    } catch (error) {
      if (error instanceof CorruptEntry || error instanceof CorruptJournal) this.#skip.add(segment.id);
      throw error;
    }
  }

  async #moveRun(segmentId: number, groupId: GroupId, fromIndex: number, toIndex: number): Promise<void> {
    const { state, segments } = this.#host;
    for (let next = fromIndex; next <= toIndex && !this.#closed;) {
      const { locations } = planRead(state, groupId, next, toIndex, COPY_SIZE_BYTES);
      const usable = locations.findIndex((location) => location.segmentId !== segmentId);
      const here = usable === -1 ? locations : locations.slice(0, usable);
      if (here.length === 0) return; // gone meanwhile
      const entries = await readPlanned(segments, groupId, next, here);
      if (entries === undefined) return;
      const records = entries.map((entry, at): EntryRecord => {
        const { attributes } = here[at] as { attributes: EntryRecord["attributes"] };
        return { kind: "entry", groupId, entry, attributes, moved: true, positionBytes: 0 };
      });
      this.#host.failpoint?.("reclaim.before-copy-entries");
      if (!(await this.#rewrite(records))) return;
      next += entries.length;
    }
  }

  async #moveTruncation(segment: Segment, groupId: GroupId): Promise<void> {
    const { state, segments } = this.#host;
    const truncation = state.groups.get(groupId)?.truncation;
    const lease = await segments.acquire(segment.id);
    if (lease === undefined || truncation?.segmentId !== segment.id) {
      lease?.release();
      return;
    }
    try {
      const { positionBytes, bytes } = truncation;
      const frame = Buffer.allocUnsafe(bytes);
      const count = await lease.file.read(frame, positionBytes);
      if (checkFrame(frame, 0, count, lease.seed) !== bytes) {
        throw new CorruptJournal(segment.path, positionBytes, `the truncation record of group ${groupId}`);
      }
      const record = decodeFrame(frame, 0, positionBytes, () => undefined);
      if (record?.kind !== "truncation") {
        throw new CorruptJournal(segment.path, positionBytes, "not a truncation record");
      }
      // Another one may have taken its place meanwhile, perhaps at the same index.
      if (state.groups.get(groupId)?.truncation !== truncation) return;
      this.#host.failpoint?.("reclaim.before-copy-truncation");
      await this.#rewrite([{ ...record, moved: true, reset: false }]);
    } finally {
      lease.release();
    }
  }

  /** Pays for the copies by waiting, so that the rate stays below the bound. */
  async #rewrite(records: readonly LogRecord[]): Promise<boolean> {
    let bytes = 0;
    for (const record of records) {
      if (record.kind === "entry") bytes += FRAME_HEADER_SIZE_BYTES + record.entry.payload.length;
    }
    if (!(await this.#host.rewrite(records))) return false;
    this.#host.failpoint?.("reclaim.after-copy");
    await this.#host.clock.sleep((bytes * 1_000) / this.#options.bytesPerSecond);
    return true;
  }
}
