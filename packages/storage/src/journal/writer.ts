/**
 * The write loop: everything submitted while a write and its fdatasync run goes into the next one. One in flight.
 *
 * Order for each write group: write, fdatasync, callbacks, then, while the next one is being written, the index. So
 * the index is never ahead of the disk, and its cost is off the path of the acknowledgement.
 */
import type { Clock, Disk, Failpoint, Random, Timer } from "@millrace/util";
import type { DurableState } from "../durable-state.ts";
import { StoreFailed } from "../errors.ts";
import type { LogRecord } from "../records.ts";
import { currentOf, type CurrentSegment, type Segments } from "./segments.ts";
import { frameSeed, SALT_SIZE_BYTES, WriteGroupEncoder, type WriteGroupKind } from "./write-group.ts";

/** Bytes of submissions that one write group takes, unless a single one is larger. */
const WRITE_SIZE_BYTES_MAX = 8 * 1024 * 1024;
/** Idle for this long: a seal proves that the last write group was whole. */
const SEAL_DELAY_MS = 1_000;

export interface Submission {
  readonly records: readonly LogRecord[];
  readonly sizeBytes: number;
  readonly onDurable: () => void;
}

export interface SyncReport {
  readonly bytes: number;
  readonly durationMs: number;
  /** Submissions that shared the sync. */
  readonly writes: number;
}

export interface WriterOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly journalDirectory: string;
  readonly segmentSizeBytes: number;
  readonly segments: Segments;
  readonly state: DurableState;
  readonly lastSequence: number;
  readonly lastSegmentId: number;
  readonly onIndexed: (records: readonly LogRecord[]) => void;
  readonly onWritten: (sizeBytes: number) => void;
  readonly onSync: ((report: SyncReport) => void) | undefined;
  readonly onFailure: (error: StoreFailed) => void;
  readonly failpoint: Failpoint | undefined;
}

interface DurableGroup {
  readonly records: readonly LogRecord[];
  readonly segmentId: number;
  readonly sequence: number;
  readonly endBytes: number;
}

export class JournalWriter {
  readonly #options: WriterOptions;
  readonly #encoder = new WriteGroupEncoder();
  #current: CurrentSegment | undefined;
  #sequence: number;
  #segmentId: number;
  #queue: Submission[] = [];
  #queuedBytes = 0;
  #loop: Promise<void> | undefined;
  #notIndexed: DurableGroup | undefined;
  #failure: StoreFailed | undefined;
  #sealTimer: Timer | undefined;
  #sealed = true;
  #sealWanted = false;
  #closing = false;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#sequence = options.lastSequence;
    this.#segmentId = options.lastSegmentId;
  }

  get failure(): StoreFailed | undefined {
    return this.#failure;
  }

  /** Submitted and not yet durable. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Begins the first segment. Every opening begins one: what recovery read is never written to again. */
  start(): Promise<void> {
    return this.#roll();
  }

  submit(submission: Submission): void {
    this.#queue.push(submission);
    this.#queuedBytes += submission.sizeBytes;
    this.#wake();
  }

  /** Everything submitted becomes durable and indexed first, unless the store has failed. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#sealTimer?.cancel();
    await this.#idle();
    if (this.#failure === undefined && !this.#sealed) {
      this.#sealWanted = true;
      this.#wake();
      await this.#idle();
    }
    await this.#current?.file.close();
  }

  async #idle(): Promise<void> {
    while (this.#loop !== undefined) await this.#loop;
  }

  #wake(): void {
    if (this.#loop !== undefined || this.#failure !== undefined) return;
    this.#sealTimer?.cancel();
    this.#loop = this.#run().finally(() => {
      this.#loop = undefined;
      if (this.#queue.length > 0) this.#wake();
      else this.#scheduleSeal();
    });
  }

  async #run(): Promise<void> {
    // What else is submitted in this turn joins the first write.
    await Promise.resolve();
    try {
      while (this.#queue.length > 0 || this.#sealWanted) {
        const batch = this.#take();
        const records = batch.length === 1 ? (batch[0] as Submission).records : batch.flatMap((one) => one.records);
        await this.#write(batch, records);
      }
      this.#indexDurable();
    } catch (error) {
      this.fail(error);
    }
  }

  #take(): Submission[] {
    let count = 0;
    let bytes = 0;
    for (const submission of this.#queue) {
      if (count > 0 && bytes + submission.sizeBytes > WRITE_SIZE_BYTES_MAX) break;
      bytes += submission.sizeBytes;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #write(batch: readonly Submission[], records: readonly LogRecord[]): Promise<void> {
    const { clock, segmentSizeBytes, onWritten, onSync, failpoint } = this.#options;
    let sizeBytes = 0;
    for (const submission of batch) sizeBytes += submission.sizeBytes;
    if (currentOf(this.#current).segment.sizeBytes + sizeBytes > segmentSizeBytes && this.#hasRecords()) {
      await this.#roll();
    }
    const seal = batch.length === 0;
    const startMs = clock.monotonicMs();
    const written = await this.#put(currentOf(this.#current), seal ? "seal" : "records", records);
    this.#sealed = seal;
    this.#sealWanted = false;
    this.#queuedBytes -= sizeBytes;
    onWritten(written.bytes);
    this.#notIndexed = { records, ...written };
    onSync?.({ bytes: written.bytes, durationMs: clock.monotonicMs() - startMs, writes: batch.length });
    failpoint?.("journal.before-acknowledge");
    for (const submission of batch) submission.onDurable();
    failpoint?.("journal.after-acknowledge");
  }

  /** Writes and syncs one write group, and indexes the one before it meanwhile. */
  async #put(
    current: CurrentSegment,
    kind: WriteGroupKind,
    records: readonly LogRecord[],
  ): Promise<{ segmentId: number; sequence: number; endBytes: number; bytes: number }> {
    const { segment, file, identity, seed } = current;
    const { failpoint } = this.#options;
    const sequence = this.#sequence + 1;
    const encoded = this.#encoder.encode(identity, seed, sequence, kind, records, segment.sizeBytes);
    failpoint?.("journal.before-write");
    const writing = file.write(encoded.chunks, segment.sizeBytes);
    try {
      this.#indexDurable();
    } finally {
      await writing;
    }
    failpoint?.("journal.after-write");
    await file.datasync();
    failpoint?.("journal.after-sync");
    this.#sequence = sequence;
    segment.sizeBytes += encoded.sizeBytes;
    return { segmentId: segment.id, sequence, endBytes: segment.sizeBytes, bytes: encoded.sizeBytes };
  }

  #hasRecords(): boolean {
    return this.#sequence > this.#tableSequence;
  }

  #tableSequence = 0;

  /** A new segment. Its table is synced by itself, before any data: so there is one write group in flight, always. */
  async #roll(): Promise<void> {
    const { disk, clock, random, segments, state, journalDirectory, failpoint } = this.#options;
    this.#indexDurable();
    const id = this.#segmentId + 1;
    failpoint?.("segment.before-create");
    const file = await disk.open(segments.pathOf(id), { create: true });
    failpoint?.("segment.after-create");
    await file.truncate(0);
    const identity = { segmentId: id, salt: Buffer.from(random.bytes(SALT_SIZE_BYTES)) };
    const previous = this.#current;
    const segment = segments.add(id, 0, undefined);
    const next: CurrentSegment = { segment, file, identity, seed: frameSeed(identity) };
    const written = await this.#put(next, "table", state.table());
    failpoint?.("segment.after-table");
    await disk.syncDirectory(journalDirectory);
    failpoint?.("segment.after-directory-sync");
    this.#segmentId = id;
    this.#current = next;
    this.#tableSequence = this.#sequence;
    state.commit({ segmentId: id, positionBytes: written.endBytes, sequence: written.sequence });
    if (previous !== undefined) {
      previous.segment.closedAtMs = clock.monotonicMs();
      failpoint?.("segment.before-close");
      await previous.file.close();
    }
  }

  #indexDurable(): void {
    const group = this.#notIndexed;
    if (group === undefined) return;
    this.#notIndexed = undefined;
    const { state, onIndexed, failpoint } = this.#options;
    failpoint?.("index.before-apply");
    state.apply(group.segmentId, group.records, false);
    failpoint?.("index.before-commit");
    state.commit({ segmentId: group.segmentId, positionBytes: group.endBytes, sequence: group.sequence });
    failpoint?.("index.after-commit");
    onIndexed(group.records);
  }

  #scheduleSeal(): void {
    if (this.#sealed || this.#closing || this.#failure !== undefined) return;
    this.#sealTimer = this.#options.clock.setTimer(SEAL_DELAY_MS, () => {
      if (this.#sealed || this.#closing) return;
      this.#sealWanted = true;
      this.#wake();
    });
  }

  /** For good: what is not durable yet never will be, as far as anybody is told. */
  fail(cause: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = new StoreFailed("the journal cannot be written any more", { cause });
    this.#queue = [];
    this.#options.onFailure(this.#failure);
  }
}
