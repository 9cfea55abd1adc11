/** The log store over the journal. What is submitted counts at once here, in memory; on disk when its write is synced. */
import { assert, type Failpoint, type World } from "@millrace/util";
import type { Entry, LogSummary } from "@millrace/raft";
import type { DurableState } from "./durable-state.ts";
import { CachedEntry, EntryCache } from "./entry-cache.ts";
import { CorruptEntry, DiskFull, EntriesMissing, EntriesTruncated, StoreClosed, type StoreFailed } from "./errors.ts";
import { decodeCheckpoint, encodeCheckpoint, type EntryLocation, groupKey } from "./index-codec.ts";
import type { IndexStore } from "./index-store.ts";
import type { Recovered } from "./journal/recovery.ts";
import type { Segments } from "./journal/segments.ts";
import { frameSizeBytes } from "./journal/write-group.ts";
import { JournalWriter, type SyncReport } from "./journal/writer.ts";
import { firstNotWhere, lastWhere } from "./locate.ts";
import { LogShape } from "./log-shape.ts";
import type {
  Checkpoint,
  EntryAttributes,
  GroupId,
  GroupState,
  GroupWrite,
  LogStore,
  LogStoreOptions,
  LogStoreStats,
  ReadOptions,
} from "./log-store.ts";
import { planRead, readPlanned } from "./reader.ts";
import { DEFAULT_RECLAIM, Reclaimer, type ReclaimOptions } from "./reclaim.ts";
import type { LogRecord } from "./records.ts";
import type { SpaceGuard } from "./space-guard.ts";

const NO_STATE = Buffer.alloc(0);
/** Larger than what makes room: the word that records have expired, or that a stream is deleted. */
export const SMALL_ENTRY_SIZE_BYTES = 1_024;
/** Of the reserve, what must be left for new data, for data that is on its way, for any data at all, and for small entries. */
const LEFT_FOR_NEW = 1;
const LEFT_TO_GO_ON = 0.75;
const LEFT_FOR_ANY = 0.5;
const LEFT_FOR_SMALL = 0.25;
/** A read looks its entries up again when compaction moved them; each time means a whole segment was emptied meanwhile. */
const LOOKUPS_MAX = 5;

export interface StoreParts {
  readonly world: World;
  readonly options: LogStoreOptions;
  readonly journalDirectory: string;
  readonly index: IndexStore;
  readonly state: DurableState;
  readonly segments: Segments;
  readonly recovered: Recovered;
  readonly space: SpaceGuard;
  readonly reclaim: Partial<ReclaimOptions> | undefined;
  readonly onSync: ((report: SyncReport) => void) | undefined;
  readonly onBackgroundError: (error: unknown) => void;
}

export class JournalLogStore implements LogStore {
  readonly #options: LogStoreOptions;
  readonly #failpoint: Failpoint | undefined;
  readonly #index: IndexStore;
  readonly #state: DurableState;
  readonly #segments: Segments;
  readonly #space: SpaceGuard;
  readonly #cache: EntryCache;
  readonly #writer: JournalWriter;
  readonly #reclaimer: Reclaimer;
  /** Every group's log with all that was submitted. */
  readonly #shapes = new Map<GroupId, LogShape>();
  /**
   * How many records of a group are on their way that take its truncation record's place, or away with the whole group: until then
   * the old one must not be copied over them, nor into another stay of the group.
   */
  readonly #truncationsQueued = new Map<GroupId, number>();
  readonly #pendingWrites = new Set<(error: Error) => void>();
  readonly #failureListeners: ((error: Error) => void)[] = [];
  readonly #corruptionListeners: ((groupId: GroupId, index: number) => void)[] = [];
  #closed = false;

  constructor(parts: StoreParts) {
    const { world, options, segments, state, recovered, space, journalDirectory } = parts;
    const { disk, clock, failpoint } = world;
    this.#options = options;
    this.#failpoint = failpoint;
    this.#index = parts.index;
    this.#state = state;
    this.#segments = segments;
    this.#space = space;
    this.#cache = new EntryCache(options.cacheSizeBytes);
    for (const [groupId, group] of state.groups) this.#shapes.set(groupId, LogShape.of(group.shape.summary()));
    this.#writer = new JournalWriter({
      disk,
      clock,
      random: world.random.fork("journal"),
      journalDirectory,
      segmentSizeBytes: options.segmentSizeBytes,
      segments,
      state,
      lastSequence: recovered.lastSequence,
      lastSegmentId: recovered.lastSegmentId,
      onIndexed: (records) => this.#markIndexed(records),
      onWritten: (sizeBytes) => space.taken(sizeBytes),
      onSync: parts.onSync,
      onFailure: (error) => this.#failed(error),
      failpoint,
    });
    this.#reclaimer = new Reclaimer(
      {
        disk,
        clock,
        segments,
        state,
        segmentSizeBytes: options.segmentSizeBytes,
        rewrite: (records) => this.#rewrite(records),
        hasRoom: (sizeBytes) => space.freeBytes - sizeBytes > space.reservedBytes / 2,
        onRemoved: () => void space.refresh(),
        onError: (error) => {
          this.#noteCorruption(error);
          parts.onBackgroundError(error);
        },
        failpoint,
      },
      { ...DEFAULT_RECLAIM, ...parts.reclaim },
    );
  }

  async start(): Promise<void> {
    await this.#writer.start();
    this.#reclaimer.start();
  }

  *groups(): Generator<GroupState> {
    for (const [groupId, group] of this.#state.groups) {
      const log = group.shape.summary();
      yield {
        groupId,
        hardState: group.hardState,
        log,
        truncationState: this.#index.get(groupKey("t", groupId)) ?? NO_STATE,
        checkpoint: this.#checkpointOf(groupId, log),
      };
    }
  }

  write(parts: readonly GroupWrite[]): Promise<void> {
    const { failure } = this.#writer;
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      this.submit(parts, () => {
        this.#pendingWrites.delete(reject);
        resolve();
      });
      this.#pendingWrites.add(reject);
    });
  }

  submit(parts: readonly GroupWrite[], onDurable: () => void): void {
    if (this.#closed) throw new StoreClosed();
    if (this.#writer.failure !== undefined) return;
    const dataBytes = dataSizeBytes(parts);
    if (dataBytes > 0 && !this.#hasRoom(dataBytes, LEFT_FOR_ANY)) {
      throw new DiskFull(this.#space.freeBytes, this.#space.reservedBytes);
    }
    const records: LogRecord[] = [];
    for (const part of parts) this.#take(part, records);
    let sizeBytes = 0;
    for (const record of records) sizeBytes += frameSizeBytes(record);
    this.#writer.submit({ records, sizeBytes, onDurable });
  }

  canAppend(): boolean {
    return !this.#closed && this.#writer.failure === undefined && this.#hasRoom(0, LEFT_FOR_NEW);
  }

  canGoOn(payloadSizeBytes: number): boolean {
    const left = payloadSizeBytes <= SMALL_ENTRY_SIZE_BYTES ? LEFT_FOR_SMALL : LEFT_TO_GO_ON;
    return !this.#closed && this.#writer.failure === undefined && this.#hasRoom(0, left);
  }

  summary(groupId: GroupId): LogSummary | undefined {
    return this.#shapes.get(groupId)?.summary();
  }

  cachedEntries(
    groupId: GroupId,
    fromIndex: number,
    toIndex: number,
    options: ReadOptions,
  ): readonly Entry[] | undefined {
    const last = Math.min(toIndex, this.#shapes.get(groupId)?.lastIndex ?? 0);
    const first = this.#cache.firstIndex(groupId);
    if (first === undefined || fromIndex < first || fromIndex > last) return undefined;
    return this.#fromCache(groupId, fromIndex, last, options.bytesMax, []);
  }

  async read(groupId: GroupId, fromIndex: number, toIndex: number, options: ReadOptions): Promise<readonly Entry[]> {
    for (let lookup = 1; ; lookup++) {
      if (this.#closed) throw new StoreClosed();
      const shape = this.#shapes.get(groupId);
      if (shape === undefined || fromIndex > shape.lastIndex) {
        throw new EntriesMissing(groupId, fromIndex, shape?.lastIndex ?? 0);
      }
      if (fromIndex <= shape.truncatedIndex) throw new EntriesTruncated(groupId, fromIndex, shape.truncatedIndex);
      const last = Math.min(toIndex, shape.lastIndex);
      const cachedFrom = this.#cache.firstIndex(groupId) ?? shape.lastIndex + 1;
      if (fromIndex >= cachedFrom) return this.#fromCache(groupId, fromIndex, last, options.bytesMax, []);
      const diskTo = Math.min(last, cachedFrom - 1);
      const plan = planRead(this.#state, groupId, fromIndex, diskTo, options.bytesMax);
      assert(plan.locations.length > 0, `entry ${fromIndex} of group ${groupId} is in the cache or in the index`);
      // Taken before the wait: both parts are of the same moment.
      const tail = plan.full
        ? []
        : this.#fromCache(groupId, cachedFrom, last, options.bytesMax - plan.bytes, undefined);
      const entries = await this.#readPlanned(groupId, fromIndex, plan.locations);
      if (entries !== undefined) return entries.concat(tail);
      assert(lookup < LOOKUPS_MAX, "entries do not move faster than they can be looked up");
    }
  }

  async #readPlanned(
    groupId: GroupId,
    fromIndex: number,
    locations: readonly EntryLocation[],
  ): Promise<Entry[] | undefined> {
    try {
      return await readPlanned(this.#segments, groupId, fromIndex, locations);
    } catch (error) {
      this.#noteCorruption(error);
      throw error;
    }
  }

  #noteCorruption(error: unknown): void {
    if (!(error instanceof CorruptEntry) || this.#closed) return;
    for (const listener of this.#corruptionListeners) listener(error.groupId, error.index);
  }

  locateOffset(groupId: GroupId, offset: number): number | undefined {
    const shape = this.#shapes.get(groupId);
    if (shape === undefined) return undefined;
    const at = (index: number): EntryAttributes | undefined => this.attributesOf(groupId, index);
    return lastWhere(shape.truncatedIndex + 1, shape.lastIndex, at, (attributes) => attributes.offset <= offset);
  }

  locateTime(groupId: GroupId, timeMs: number): number | undefined {
    const shape = this.#shapes.get(groupId);
    if (shape === undefined) return undefined;
    const at = (index: number): EntryAttributes | undefined => this.attributesOf(groupId, index);
    return firstNotWhere(shape.truncatedIndex + 1, shape.lastIndex, at, (attributes) => attributes.timeMs < timeMs);
  }

  attributesOf(groupId: GroupId, index: number): EntryAttributes | undefined {
    const shape = this.#shapes.get(groupId);
    if (shape === undefined || index <= shape.truncatedIndex || index > shape.lastIndex) return undefined;
    const cached = this.#cache.get(groupId, index);
    return cached === undefined ? this.#state.location(groupId, index)?.attributes : cached.attributes;
  }

  saveCheckpoint(groupId: GroupId, checkpoint: Checkpoint): void {
    if (this.#closed || this.#writer.failure !== undefined || !this.#shapes.has(groupId)) return;
    this.#failpoint?.("index.before-save-checkpoint");
    this.#index.put(groupKey("c", groupId), encodeCheckpoint(checkpoint));
    this.#index.commit();
    this.#failpoint?.("index.after-save-checkpoint");
  }

  onCorruptEntry(listener: (groupId: GroupId, index: number) => void): void {
    this.#corruptionListeners.push(listener);
  }

  /** By log matching, an entry of the same index and term is the same entry, whoever sends it. */
  async repair(groupId: GroupId, entry: Entry): Promise<boolean> {
    const shape = this.#shapes.get(groupId);
    const { index, term } = entry;
    const isHeld = shape !== undefined && index > shape.truncatedIndex && index <= shape.lastIndex;
    if (this.#closed || !isHeld || shape.termAt(index) !== term) return false;
    const segmentId = this.#state.location(groupId, index)?.segmentId;
    const attributes = this.#options.attributesOf(entry);
    this.#failpoint?.("repair.before-rewrite");
    if (!(await this.#rewrite([{ kind: "entry", groupId, entry, attributes, moved: true, positionBytes: 0 }])))
      return false;
    this.#failpoint?.("repair.after-rewrite");
    // Where one entry has rotted there may be more: all that lives there is read, and written anew.
    if (segmentId !== undefined) this.#reclaimer.distrust(segmentId);
    return true;
  }

  onFailure(listener: (error: Error) => void): void {
    this.#failureListeners.push(listener);
  }

  /** Its files are not what they were taken for. */
  fail(cause: unknown): void {
    if (!this.#closed) this.#writer.fail(cause);
  }

  stats(): LogStoreStats {
    return {
      segments: this.#segments.count,
      journalBytes: this.#segments.totalBytes(),
      queuedBytes: this.#writer.queuedBytes,
      cacheBytes: this.#cache.bytes,
      freeBytes: this.#space.freeBytes,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#reclaimer.close();
    await this.#writer.close();
    await this.#space.close();
    await this.#segments.close();
    await this.#index.close();
  }

  #hasRoom(dataBytes: number, left: number): boolean {
    const { freeBytes, reservedBytes } = this.#space;
    return reservedBytes === 0 || freeBytes - dataBytes - this.#writer.queuedBytes >= left * reservedBytes;
  }

  /** Takes one group's part into memory and turns it into records. */
  #take(part: GroupWrite, records: LogRecord[]): void {
    const { groupId, truncatePrefix, hardState, entries } = part;
    if (part.deleteGroup === true) {
      this.#cache.clear(groupId);
      this.#shapes.delete(groupId);
      this.#truncationQueued(groupId);
      records.push({ kind: "delete", groupId });
      return;
    }
    let shape = this.#shapes.get(groupId);
    if (shape === undefined) {
      shape = new LogShape();
      this.#shapes.set(groupId, shape);
    }
    if (truncatePrefix !== undefined) {
      const { index, term, state, reset } = truncatePrefix;
      if (reset) {
        this.#cache.clear(groupId);
        shape.reset(index, term);
      } else {
        assert(index >= shape.truncatedIndex, "the log's beginning does not go back");
        this.#cache.truncatePrefix(groupId, index);
        shape.truncatePrefix(index, term);
      }
      this.#truncationQueued(groupId);
      records.push({ kind: "truncation", groupId, index, term, state, reset, moved: false, positionBytes: 0 });
    }
    if (hardState !== undefined) records.push({ kind: "hardState", groupId, hardState });
    for (const entry of entries ?? []) {
      assert(entry.index > shape.truncatedIndex, "entries come after the log's beginning");
      assert(entry.index <= shape.lastIndex + 1, "entries leave no gap");
      if (entry.index <= shape.lastIndex) {
        this.#failpoint?.("log.before-truncate-suffix");
        this.#cache.truncateSuffix(groupId, entry.index - 1);
        shape.truncateSuffix(entry.index - 1);
      }
      shape.append(entry.index, entry.term);
      const cached = new CachedEntry(groupId, entry, this.#options.attributesOf(entry));
      this.#cache.append(cached);
      records.push(cached);
    }
  }

  /** Copies of live entries and truncation records. What died since it was read is left out: here the order is decided. */
  #rewrite(records: readonly LogRecord[]): Promise<boolean> {
    if (this.#closed || this.#writer.failure !== undefined) return Promise.resolve(false);
    const live = records.filter((record) => {
      const shape = this.#shapes.get(record.groupId);
      if (shape === undefined) return false;
      if (record.kind === "truncation") {
        return record.index === shape.truncatedIndex && !this.#truncationsQueued.has(record.groupId);
      }
      if (record.kind !== "entry") return false;
      const { index, term } = record.entry;
      return index > shape.truncatedIndex && shape.termAt(index) === term;
    });
    let sizeBytes = 0;
    for (const record of live) sizeBytes += frameSizeBytes(record);
    if (live.length === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const stop = (): void => resolve(false);
      this.#pendingWrites.add(stop);
      this.#writer.submit({
        records: live,
        sizeBytes,
        onDurable: () => {
          this.#pendingWrites.delete(stop);
          resolve(true);
        },
      });
    });
  }

  #fromCache(groupId: GroupId, from: number, to: number, bytesMax: number, first: [] | undefined): Entry[] {
    const entries: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= to; index++) {
      const cached = this.#cache.get(groupId, index);
      if (cached === undefined) break;
      bytes += cached.entry.payload.length;
      // The first one comes whatever its size, unless others were found before it.
      if (bytes > bytesMax && (first === undefined || entries.length > 0)) break;
      entries.push(cached.entry);
    }
    return entries;
  }

  #checkpointOf(groupId: GroupId, log: LogSummary): Checkpoint | undefined {
    const value = this.#index.get(groupKey("c", groupId));
    if (value === undefined) return undefined;
    const checkpoint = decodeCheckpoint(value);
    // It may be of entries that were committed elsewhere and never reached this disk.
    return checkpoint.index >= log.truncatedIndex && checkpoint.index <= log.lastIndex ? checkpoint : undefined;
  }

  #markIndexed(records: readonly LogRecord[]): void {
    for (const record of records) {
      if (record instanceof CachedEntry) record.indexed = true;
      else if (record.kind === "delete") this.#truncationArrived(record.groupId);
      else if (record.kind === "truncation" && !record.moved) this.#truncationArrived(record.groupId);
    }
    this.#cache.evict();
  }

  #truncationQueued(groupId: GroupId): void {
    this.#truncationsQueued.set(groupId, (this.#truncationsQueued.get(groupId) ?? 0) + 1);
  }

  #truncationArrived(groupId: GroupId): void {
    const queued = this.#truncationsQueued.get(groupId) ?? 0;
    if (queued > 1) this.#truncationsQueued.set(groupId, queued - 1);
    else this.#truncationsQueued.delete(groupId);
  }

  #failed(error: StoreFailed): void {
    const pending = [...this.#pendingWrites];
    this.#pendingWrites.clear();
    for (const reject of pending) reject(error);
    for (const listener of this.#failureListeners) listener(error);
  }
}

function dataSizeBytes(parts: readonly GroupWrite[]): number {
  let bytes = 0;
  for (const part of parts) {
    for (const { type, payload } of part.entries ?? []) {
      if (type === "data" && payload.length > SMALL_ENTRY_SIZE_BYTES) bytes += payload.length;
    }
  }
  return bytes;
}
