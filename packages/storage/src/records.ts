import type { Entry, HardState } from "@millrace/raft";
import type { EntryAttributes, GroupId } from "./log-store.ts";

/** What one frame of the journal means. A write group is a list of these, applied in order. */
export type LogRecord = EntryRecord | HardStateRecord | TruncationRecord | DeleteRecord | TableRecord;

export interface EntryRecord {
  readonly kind: "entry";
  readonly groupId: GroupId;
  readonly entry: Entry;
  readonly attributes: EntryAttributes | undefined;
  /** A copy of a live entry out of an old segment: replaces its position, says nothing about the entries after it. */
  readonly moved: boolean;
  /** Where the frame begins in its segment; set when it is encoded or decoded. */
  positionBytes: number;
}

export interface HardStateRecord {
  readonly kind: "hardState";
  readonly groupId: GroupId;
  readonly hardState: HardState;
}

export interface TruncationRecord {
  readonly kind: "truncation";
  readonly groupId: GroupId;
  readonly index: number;
  readonly term: number;
  readonly state: Buffer;
  /** Every entry goes, also those after `index`. */
  readonly reset: boolean;
  /** A copy of the live truncation record out of an old segment. */
  readonly moved: boolean;
  positionBytes: number;
}

export interface DeleteRecord {
  readonly kind: "delete";
  readonly groupId: GroupId;
}

/**
 * One group as it stood when a segment began. All groups that existed are in the segment's first write group, so
 * that no earlier segment is needed for anything but its live entries.
 */
export interface TableRecord {
  readonly kind: "table";
  readonly groupId: GroupId;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly truncatedIndex: number;
  readonly truncatedTerm: number;
  /** There is a live truncation record, with state. */
  readonly hasTruncation: boolean;
  readonly hardState: HardState;
}
