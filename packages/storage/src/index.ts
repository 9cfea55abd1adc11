export type * from "./log-store.ts";
export { openLogStore, type OpenOptions, type RecoveryReport } from "./open-log-store.ts";
export type { SyncReport } from "./journal/writer.ts";
export type { ReclaimOptions } from "./reclaim.ts";
export type { IndexOpener, IndexStore } from "./index-store.ts";
export { rocksIndex } from "./rocks-index.ts";
export { setJournalAside } from "./set-aside.ts";
export { type CrashOptions, MemoryDisk, systemError } from "./memory/memory-disk.ts";
export { MemoryIndexes } from "./memory/memory-index.ts";
export { volatileDisk, type VolatileDiskOptions } from "./memory/volatile-disk.ts";
export {
  CorruptEntry,
  CorruptJournal,
  DiskFull,
  EntriesMissing,
  EntriesTruncated,
  StoreClosed,
  StoreFailed,
  UnknownJournalVersion,
} from "./errors.ts";
