/**
 * What the journal says, up to the last durable write group: every group's hard state, log shape and the segments its
 * entries lie in, kept in step with the index. Writing and recovery apply records by the same code, and applying
 * them again (recovery begins a little early) ends in the same state.
 */
import { assert } from "@millrace/util";
import type { HardState } from "@millrace/raft";
import {
  afterLetter,
  decodeGroup,
  decodeLocation,
  decodeMeta,
  decodeRun,
  encodeGroup,
  encodeLocation,
  encodeMeta,
  encodeRun,
  entryKey,
  groupIdOfKey,
  groupKey,
  LOCATION_SIZE_BYTES,
  META_KEY,
  type EntryLocation,
  type IndexMeta,
} from "./index-codec.ts";
import type { IndexStore } from "./index-store.ts";
import { FRAME_HEADER_SIZE_BYTES } from "./journal/frame.ts";
import type { GroupId } from "./log-store.ts";
import { LogShape } from "./log-shape.ts";
import type { DeleteRecord, EntryRecord, LogRecord, TableRecord, TruncationRecord } from "./records.ts";
import { SegmentRuns, type SegmentRun, type UsageListener } from "./segment-runs.ts";

const INITIAL_HARD_STATE: HardState = { term: 0, votedFor: undefined, commitIndex: 0 };
/** More entries than this are dropped by one range deletion instead of one by one. */
const SINGLE_DELETES_MAX = 256;
const SCAN_ROWS = 1_000;

export class DurableGroup {
  hardState: HardState = INITIAL_HARD_STATE;
  shape = new LogShape();
  readonly runs: SegmentRuns;
  /** The live record of the last prefix truncation. */
  truncation = { segmentId: 0, positionBytes: 0, bytes: 0 };
  /** Recovery found entries whose terms are not known yet. */
  termsUnknown = false;

  constructor(usage: UsageListener) {
    this.runs = new SegmentRuns(usage);
  }
}

export class DurableState {
  readonly #index: IndexStore;
  readonly #usage: UsageListener;
  readonly #groups = new Map<GroupId, DurableGroup>();
  readonly #touched = new Set<GroupId>();
  readonly #keyBuffer = Buffer.alloc(17);
  readonly #valueBuffer = Buffer.alloc(LOCATION_SIZE_BYTES);

  constructor(index: IndexStore, usage: UsageListener) {
    this.#index = index;
    this.#usage = usage;
  }

  get groups(): ReadonlyMap<GroupId, DurableGroup> {
    return this.#groups;
  }

  /** Reads all groups from the index. Undefined: it holds nothing usable, and the journal is to be read from its start. */
  load(): IndexMeta | undefined {
    const metaValue = this.#index.get(META_KEY);
    const meta = metaValue === undefined ? undefined : decodeMeta(metaValue);
    if (meta === undefined) return undefined;
    const runs = this.#loadRuns();
    for (const { key, value } of this.#scan(groupKey("g", 0), afterLetter("g"))) {
      const row = decodeGroup(value);
      const groupId = groupIdOfKey(key);
      const group = this.#make(groupId);
      group.hardState = row.hardState;
      group.shape = LogShape.of(row.log);
      group.termsUnknown = row.termsUnknown;
      group.truncation = {
        segmentId: row.truncationSegmentId,
        positionBytes: row.truncationPositionBytes,
        bytes: row.truncationBytes,
      };
      if (row.truncationSegmentId !== 0) this.#usage.change(row.truncationSegmentId, row.truncationBytes, 1);
      const { truncatedIndex, lastIndex } = row.log;
      if (!group.runs.load(runs.get(groupId) ?? [], row.lastRun, truncatedIndex, lastIndex)) return undefined;
    }
    return meta;
  }

  /** One write group, in the order of the journal. `attributes` of entries must be set. */
  apply(segmentId: number, records: readonly LogRecord[], isTable: boolean): void {
    if (isTable) this.#forgetGroupsNotIn(records);
    for (const record of records) {
      switch (record.kind) {
        case "entry":
          this.#applyEntry(segmentId, record);
          break;
        case "hardState":
          this.#touch(record.groupId).hardState = record.hardState;
          break;
        case "truncation":
          this.#applyTruncation(segmentId, record);
          break;
        case "delete":
          this.#applyDelete(record);
          break;
        case "table":
          this.#applyTable(record);
          break;
      }
    }
  }

  /** Puts what `apply` changed into the index, in one batch with how far it has come. */
  commit(meta: IndexMeta): void {
    for (const groupId of this.#touched) {
      const group = this.#groups.get(groupId);
      if (group === undefined) continue;
      group.runs.flush(
        (toIndex) => this.#index.delete(entryKey("r", groupId, toIndex)),
        (run) => this.#index.put(entryKey("r", groupId, run.toIndex), encodeRun(run)),
      );
      this.#index.put(
        groupKey("g", groupId),
        encodeGroup({
          hardState: group.hardState,
          log: group.shape.summary(),
          truncationSegmentId: group.truncation.segmentId,
          truncationPositionBytes: group.truncation.positionBytes,
          truncationBytes: group.truncation.bytes,
          lastRun: group.runs.last,
          termsUnknown: group.termsUnknown,
        }),
      );
    }
    this.#touched.clear();
    this.#index.put(META_KEY, encodeMeta(meta));
    this.#index.commit();
  }

  /** All groups as the first write group of a segment states them. */
  table(): TableRecord[] {
    const records: TableRecord[] = [];
    for (const [groupId, group] of this.#groups) {
      const { shape, hardState } = group;
      records.push({
        kind: "table",
        groupId,
        lastIndex: shape.lastIndex,
        lastTerm: shape.lastTerm,
        truncatedIndex: shape.truncatedIndex,
        truncatedTerm: shape.truncatedTerm,
        hasTruncation: group.truncation.segmentId !== 0,
        hardState,
      });
    }
    return records;
  }

  location(groupId: GroupId, index: number): EntryLocation | undefined {
    const value = this.#index.get(entryKey("e", groupId, index, this.#keyBuffer));
    return value === undefined ? undefined : decodeLocation(value);
  }

  /** Ascending from `fromIndex`, at most `limit`; ends early where the index has a gap. */
  locations(groupId: GroupId, fromIndex: number, toIndex: number, limit: number): EntryLocation[] {
    const pairs = this.#index.range(entryKey("e", groupId, fromIndex), entryKey("e", groupId, toIndex + 1), limit);
    const found: EntryLocation[] = [];
    for (let at = 0; at < pairs.length; at++) {
      const { key, value } = pairs[at] as { key: Buffer; value: Buffer };
      if (!key.equals(entryKey("e", groupId, fromIndex + at, this.#keyBuffer))) break;
      found.push(decodeLocation(value));
    }
    return found;
  }

  /** After recovery: works out the terms where entries were found out of order. */
  settleTerms(): void {
    for (const [groupId, group] of this.#groups) {
      if (!group.termsUnknown) continue;
      const { truncatedIndex, truncatedTerm, lastIndex } = group.shape;
      const shape = new LogShape();
      shape.reset(truncatedIndex, truncatedTerm);
      for (let next = truncatedIndex + 1; next <= lastIndex;) {
        const found = this.locations(groupId, next, lastIndex, SCAN_ROWS);
        if (found.length === 0) break; // reported by the caller, who looks for missing runs
        for (const location of found) shape.append(next++, location.term);
      }
      if (shape.lastIndex < lastIndex) continue;
      group.shape = shape;
      group.termsUnknown = false;
      this.#touched.add(groupId);
    }
  }

  #applyEntry(segmentId: number, record: EntryRecord): void {
    const { entry, groupId } = record;
    const group = this.#touch(groupId);
    const { shape, runs } = group;
    if (entry.index <= shape.truncatedIndex) return;
    const frameBytes = FRAME_HEADER_SIZE_BYTES + entry.payload.length;
    if (record.moved) {
      if (entry.index > shape.lastIndex) return;
      if (shape.termAt(entry.index) !== entry.term) group.termsUnknown = true;
      runs.relocate(entry.index, segmentId, frameBytes);
    } else {
      if (entry.index <= shape.lastIndex) this.#truncateSuffix(groupId, group, entry.index - 1);
      assert(entry.index === shape.lastIndex + 1, `group ${groupId}: entry ${entry.index} follows ${shape.lastIndex}`);
      shape.append(entry.index, entry.term);
      runs.append(entry.index, segmentId, frameBytes);
    }
    const location: EntryLocation = {
      segmentId,
      positionBytes: record.positionBytes,
      payloadSizeBytes: entry.payload.length,
      term: entry.term,
      attributes: record.attributes,
    };
    this.#index.put(entryKey("e", groupId, entry.index, this.#keyBuffer), encodeLocation(location, this.#valueBuffer));
  }

  #truncateSuffix(groupId: GroupId, group: DurableGroup, lastIndex: number): void {
    this.#dropEntries(groupId, lastIndex + 1, group.shape.lastIndex);
    group.shape.truncateSuffix(lastIndex);
    group.runs.truncateSuffix(lastIndex);
  }

  #applyTruncation(segmentId: number, record: TruncationRecord): void {
    const { groupId, index, term } = record;
    const group = this.#touch(groupId);
    const { shape } = group;
    if (record.moved) {
      if (index !== shape.truncatedIndex) return;
    } else if (record.reset) {
      this.#resetLog(groupId, group, index, term);
    } else {
      if (index <= shape.truncatedIndex) {
        // A repeat during recovery, or a host that moves its state without moving the log's beginning.
        if (index < shape.truncatedIndex) return;
      }
      this.#truncatePrefix(groupId, group, index, term);
    }
    this.#setTruncation(group, segmentId, record.positionBytes, FRAME_HEADER_SIZE_BYTES + record.state.length);
    this.#index.put(groupKey("t", groupId), record.state);
  }

  #truncatePrefix(groupId: GroupId, group: DurableGroup, index: number, term: number): void {
    const { shape, runs } = group;
    this.#dropEntries(groupId, shape.truncatedIndex + 1, Math.min(index, shape.lastIndex));
    runs.truncatePrefix(index);
    shape.truncatePrefix(index, term);
  }

  #resetLog(groupId: GroupId, group: DurableGroup, index: number, term: number): void {
    this.#dropEntries(groupId, group.shape.truncatedIndex + 1, group.shape.lastIndex);
    group.runs.clear();
    group.shape.reset(index, term);
    group.termsUnknown = false;
  }

  #setTruncation(group: DurableGroup, segmentId: number, positionBytes: number, bytes: number): void {
    const { truncation } = group;
    if (truncation.segmentId !== 0) this.#usage.change(truncation.segmentId, -truncation.bytes, -1);
    if (segmentId !== 0) this.#usage.change(segmentId, bytes, 1);
    group.truncation = { segmentId, positionBytes, bytes };
  }

  #applyDelete(record: DeleteRecord): void {
    const { groupId } = record;
    const group = this.#groups.get(groupId);
    if (group === undefined) return;
    this.#index.deleteRange(entryKey("e", groupId, 0), entryKey("e", groupId + 1, 0));
    this.#index.deleteRange(entryKey("r", groupId, 0), entryKey("r", groupId + 1, 0));
    for (const letter of ["g", "t", "c"] as const) this.#index.delete(groupKey(letter, groupId));
    group.runs.clear();
    this.#setTruncation(group, 0, 0, 0);
    this.#groups.delete(groupId);
    this.#touched.delete(groupId);
  }

  #forgetGroupsNotIn(records: readonly LogRecord[]): void {
    const named = new Set(records.map((record) => record.groupId));
    for (const groupId of [...this.#groups.keys()]) {
      if (!named.has(groupId)) this.#applyDelete({ kind: "delete", groupId });
    }
  }

  /** Recovery only: where segments between have gone, the table is what is left of their history. */
  #applyTable(record: TableRecord): void {
    const { groupId, truncatedIndex, truncatedTerm, lastIndex } = record;
    const group = this.#touch(groupId);
    group.hardState = record.hardState;
    const { shape } = group;
    const same = truncatedIndex === shape.truncatedIndex && truncatedTerm === shape.truncatedTerm;
    if (truncatedIndex > shape.truncatedIndex) this.#truncatePrefix(groupId, group, truncatedIndex, truncatedTerm);
    else if (!same) this.#resetLog(groupId, group, truncatedIndex, truncatedTerm); // an earlier stay of the group here
    if (!same || !record.hasTruncation) {
      // If there is one, it lies further on: the segment of a live record is still there.
      this.#setTruncation(group, 0, 0, 0);
      this.#index.delete(groupKey("t", groupId));
    }
    const held = shape.lastIndex;
    if (lastIndex < held) this.#truncateSuffix(groupId, group, lastIndex);
    if (lastIndex > held) {
      group.runs.appendMissing(held + 1, lastIndex);
      shape.replaceTermRuns(lastIndex, shape.summary().termRuns);
      group.termsUnknown = true;
    }
  }

  #dropEntries(groupId: GroupId, fromIndex: number, toIndex: number): void {
    if (toIndex - fromIndex >= SINGLE_DELETES_MAX) {
      this.#index.deleteRange(entryKey("e", groupId, fromIndex), entryKey("e", groupId, toIndex + 1));
      return;
    }
    for (let index = fromIndex; index <= toIndex; index++) {
      this.#index.delete(entryKey("e", groupId, index, this.#keyBuffer));
    }
  }

  #touch(groupId: GroupId): DurableGroup {
    this.#touched.add(groupId);
    const group = this.#groups.get(groupId);
    if (group !== undefined) return group;
    this.#clearLeftovers(groupId);
    return this.#make(groupId);
  }

  /** A crash may leave a group's other keys without its row: between a range deletion and the batch that follows it. */
  #clearLeftovers(groupId: GroupId): void {
    for (const letter of ["e", "r"] as const) {
      const from = entryKey(letter, groupId, 0);
      const to = entryKey(letter, groupId + 1, 0);
      if (this.#index.range(from, to, 1).length > 0) this.#index.deleteRange(from, to);
    }
    this.#index.delete(groupKey("t", groupId));
    this.#index.delete(groupKey("c", groupId));
  }

  #make(groupId: GroupId): DurableGroup {
    const group = new DurableGroup(this.#usage);
    this.#groups.set(groupId, group);
    return group;
  }

  #loadRuns(): Map<GroupId, SegmentRun[]> {
    const byGroup = new Map<GroupId, SegmentRun[]>();
    for (const { key, value } of this.#scan(entryKey("r", 0, 0), afterLetter("r"))) {
      const groupId = groupIdOfKey(key);
      const runs = byGroup.get(groupId) ?? [];
      byGroup.set(groupId, runs);
      runs.push(decodeRun(key, value));
    }
    return byGroup;
  }

  *#scan(from: Buffer, to: Buffer): Generator<{ key: Buffer; value: Buffer }> {
    let next = from;
    for (;;) {
      const rows = this.#index.range(next, to, SCAN_ROWS);
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < SCAN_ROWS) return;
      next = Buffer.concat([last.key, Buffer.from([0])]);
    }
  }
}
