import { MillraceError } from "@millrace/util";

/** The journal cannot be trusted from `offsetBytes` of `file` on. The store does not open: rebuild the replica. */
export class CorruptJournal extends MillraceError {
  readonly code = "CORRUPT_JOURNAL";
  readonly file: string;
  readonly offsetBytes: number;

  constructor(file: string, offsetBytes: number, detail: string) {
    super(`corrupt journal: ${file} at byte ${offsetBytes}: ${detail}`);
    this.file = file;
    this.offsetBytes = offsetBytes;
  }
}

/** Another version of the program has written here. Nothing is wrong with it: this one must leave it as it is. */
export class UnknownJournalVersion extends MillraceError {
  readonly code = "UNKNOWN_JOURNAL_VERSION";

  constructor(segmentId: number, offsetBytes: number, version: number, known: number) {
    super(
      `segment ${segmentId} of the journal, at byte ${offsetBytes}, is of version ${version}, and this program reads ${known}: start the one that wrote it`,
    );
  }
}

/** One entry's bytes do not match their checksum. Never served; the host fetches it from its peers. */
export class CorruptEntry extends MillraceError {
  readonly code = "CORRUPT_ENTRY";
  readonly groupId: number;
  readonly index: number;
  readonly file: string;
  readonly offsetBytes: number;

  constructor(groupId: number, index: number, file: string, offsetBytes: number, options?: { cause?: unknown }) {
    super(`corrupt entry ${index} of group ${groupId}: ${file} at byte ${offsetBytes}`, options);
    this.groupId = groupId;
    this.index = index;
    this.file = file;
    this.offsetBytes = offsetBytes;
  }
}

/** The entry was dropped by retention or a snapshot. */
export class EntriesTruncated extends MillraceError {
  readonly code = "ENTRIES_TRUNCATED";
  readonly groupId: number;
  readonly fromIndex: number;
  readonly truncatedIndex: number;

  constructor(groupId: number, fromIndex: number, truncatedIndex: number) {
    super(`group ${groupId}: entry ${fromIndex} is gone, the log begins after ${truncatedIndex}`);
    this.groupId = groupId;
    this.fromIndex = fromIndex;
    this.truncatedIndex = truncatedIndex;
  }
}

/** The group is unknown here, or its log ends before the entry. */
export class EntriesMissing extends MillraceError {
  readonly code = "ENTRIES_MISSING";
  readonly groupId: number;
  readonly fromIndex: number;
  readonly lastIndex: number;

  constructor(groupId: number, fromIndex: number, lastIndex: number) {
    super(`group ${groupId}: no entry ${fromIndex}, the log ends at ${lastIndex}`);
    this.groupId = groupId;
    this.fromIndex = fromIndex;
    this.lastIndex = lastIndex;
  }
}

/** Little room is left: data is refused, nothing was written. Hard state, truncations and deletions are still taken. */
export class DiskFull extends MillraceError {
  readonly code = "DISK_FULL";
  readonly freeBytes: number;
  readonly reservedFreeBytes: number;

  constructor(freeBytes: number, reservedFreeBytes: number) {
    super(`disk nearly full: ${freeBytes} bytes free, ${reservedFreeBytes} are reserved`);
    this.freeBytes = freeBytes;
    this.reservedFreeBytes = reservedFreeBytes;
  }
}

/** A write or sync failed. Final: nothing is acknowledged any more, the process must report itself and stop. */
export class StoreFailed extends MillraceError {
  readonly code = "STORE_FAILED";
}

/** The store was closed before the write reached the disk. */
export class StoreClosed extends MillraceError {
  readonly code = "STORE_CLOSED";

  constructor() {
    super("the log store is closed");
  }
}
