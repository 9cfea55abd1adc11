import type { Entry, HardState, LogSummary } from "@millrace/raft";

/** Identifies a Raft group on a node. Assigned by the controller, never reused. 1 is the controller's own group. */
export type GroupId = number;

/** Two numbers that the host wants to search entries by; both never decrease along a group's log. */
export interface EntryAttributes {
  /** Offset of the first record in the entry (the host's meaning). */
  readonly offset: number;
  readonly timeMs: number;
}

/** What is recovered of a group when the store opens. */
export interface GroupState {
  readonly groupId: GroupId;
  readonly hardState: HardState;
  readonly log: LogSummary;
  /** State that came with the last prefix truncation or snapshot; empty at first. */
  readonly truncationState: Buffer;
  /** The newest checkpoint of the state machine, if any survives. Derived: losing it costs a replay, never data. */
  readonly checkpoint: Checkpoint | undefined;
}

export interface Checkpoint {
  readonly index: number;
  readonly state: Buffer;
}

/** One group's part of a write. Applied in this order: truncatePrefix, hardState, entries. */
export interface GroupWrite {
  readonly groupId: GroupId;
  /** Log begins after `index`. `reset`: drop every entry (installing a snapshot); else entries after it stay. */
  readonly truncatePrefix?: { index: number; term: number; state: Buffer; reset: boolean };
  readonly hardState?: HardState;
  /** Contiguous. The first index is at most last + 1; at or below last it replaces the suffix from there on. */
  readonly entries?: readonly Entry[];
  /** The group leaves this node: its entries, hard state and checkpoint are gone. */
  readonly deleteGroup?: boolean;
}

export interface ReadOptions {
  /** Stop before the sum of payloads passes this; at least one entry comes back when `fromIndex` exists. */
  readonly bytesMax: number;
}

export interface LogStoreStats {
  readonly segments: number;
  readonly journalBytes: number;
  readonly queuedBytes: number;
  readonly cacheBytes: number;
  readonly freeBytes: number;
}

/**
 * The durable log of one node: every group's entries and hard state in one journal.
 *
 * `write` takes effect for `entries`, `locate…` and `summary` at once (in memory) and is durable when its promise
 * resolves. Writes are durable in the order of the calls. After a rejection (`StoreFailed`) nothing is ever
 * acknowledged again: the process must report itself and stop.
 */
export interface LogStore {
  /** The groups found at opening. */
  groups(): Iterable<GroupState>;
  /**
   * All parts become durable together or not at all. Calls made while a sync is running share the next one.
   * @throws DiskFull: nothing was taken, in memory or on disk. Entries of type noop and config, and small ones, are always taken.
   */
  write(parts: readonly GroupWrite[]): Promise<void>;
  /**
   * The same without a promise: `onDurable` is called in order, once; never after a failure (see `onFailure`).
   * @throws DiskFull, at once, as `write` rejects with it. `stats().queuedBytes` tells when to hold back.
   */
  submit(parts: readonly GroupWrite[], onDurable: () => void): void;
  /** False while the disk is nearly full (or the store has ended): nothing new is to begin. */
  canAppend(): boolean;
  /**
   * False a quarter of the reserve later, when what had begun is to wait as well: entries on their way to other replicas. Small ones
   * (`SMALL_ENTRY_SIZE_BYTES`) go on until a quarter is left: those that make room are among them. Whoever asks first is not refused by
   * `write` and `submit`. `payloadSizeBytes` is the largest entry's.
   */
  canGoOn(payloadSizeBytes: number): boolean;
  summary(groupId: GroupId): LogSummary | undefined;
  /** In-memory answer if the whole range is cached; undefined means: use `read`. */
  cachedEntries(
    groupId: GroupId,
    fromIndex: number,
    toIndex: number,
    options: ReadOptions,
  ): readonly Entry[] | undefined;
  /** Entries from `fromIndex` to at most `toIndex`. @throws CorruptEntry, EntriesTruncated, EntriesMissing */
  read(groupId: GroupId, fromIndex: number, toIndex: number, options: ReadOptions): Promise<readonly Entry[]>;
  /** Index of the last entry whose `offset` attribute is <= `offset`, or undefined when all are above. */
  locateOffset(groupId: GroupId, offset: number): number | undefined;
  /** Index of the first entry with `timeMs` >= `timeMs`, or undefined when there is none. */
  locateTime(groupId: GroupId, timeMs: number): number | undefined;
  /** Attributes as indexed, without reading the payload. */
  attributesOf(groupId: GroupId, index: number): EntryAttributes | undefined;
  /** Remembers a state machine's state for a faster start. Not synced. */
  saveCheckpoint(groupId: GroupId, checkpoint: Checkpoint): void;
  /** Called for each entry that a read, or background work, found unreadable. The host has others' copies. */
  onCorruptEntry(listener: (groupId: GroupId, index: number) => void): void;
  /**
   * Writes a copy of an entry that the log holds already, and reads that from now on. Resolves when it is durable; false: the log
   * holds no such entry any more, or the store is ending.
   */
  repair(groupId: GroupId, entry: Entry): Promise<boolean>;
  /** Called once, with the error that ended the store. */
  onFailure(listener: (error: Error) => void): void;
  stats(): LogStoreStats;
  close(): Promise<void>;
}

/** Extracts the searchable numbers of an entry; undefined for entries that are not searched. Must be pure. */
export type AttributesOf = (entry: Entry) => EntryAttributes | undefined;

export interface LogStoreOptions {
  /** Holds `journal/` and `index/`. */
  readonly directory: string;
  readonly attributesOf: AttributesOf;
  readonly segmentSizeBytes: number;
  readonly cacheSizeBytes: number;
  /**
   * Below this nothing new is to begin, below half of it data is refused (`DiskFull`). Small entries, hard state, truncations and
   * deletions are not.
   */
  readonly reservedFreeBytes: number;
  /** Room that is kept in a file, so that a disk which others fill to the last byte still lets the store open; 0 unless given. */
  readonly ballastSizeBytes?: number;
}
