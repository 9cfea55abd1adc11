/** Opening: index first (it also locks the directory), then the journal from where the index ends. */
import { join } from "node:path";
import { errorMessage, type World } from "@millrace/util";
import { Ballast } from "./ballast.ts";
import { DurableState } from "./durable-state.ts";
import type { IndexMeta } from "./index-codec.ts";
import type { IndexOpener, IndexStore } from "./index-store.ts";
import { recoverJournal, type Recovered } from "./journal/recovery.ts";
import { Segments } from "./journal/segments.ts";
import type { SyncReport } from "./journal/writer.ts";
import { JournalLogStore } from "./journal-log-store.ts";
import type { LogStore, LogStoreOptions } from "./log-store.ts";
import type { ReclaimOptions } from "./reclaim.ts";
import { rocksIndex } from "./rocks-index.ts";
import { SpaceGuard } from "./space-guard.ts";

/** Beside the contract's options: what a process tunes, and what it wants to be told. */
export interface OpenOptions {
  /** RocksDB unless told otherwise. */
  readonly index?: IndexOpener;
  readonly reclaim?: Partial<ReclaimOptions>;
  /** After each write group is durable. */
  readonly onSync?: (report: SyncReport) => void;
  /** Once, when opening is through. */
  readonly onRecovered?: (report: RecoveryReport) => void;
  /** Background work that went wrong and is tried again, or skipped when it is corruption. */
  readonly onBackgroundError?: (error: unknown) => void;
}

export interface RecoveryReport extends Recovered {
  /** The index could not be used, or was not there, and was made anew from the journal. */
  readonly indexRebuilt: boolean;
}

/** Opens the store in `options.directory`, or makes it. @throws CorruptJournal: rebuild the replica from its peers. */
export async function openLogStore(world: World, options: LogStoreOptions, open: OpenOptions = {}): Promise<LogStore> {
  const { disk, clock, failpoint } = world;
  const journalDirectory = join(options.directory, "journal");
  await disk.makeDirectory(journalDirectory);
  await disk.syncDirectory(options.directory);
  const onBackgroundError = open.onBackgroundError ?? ((): void => undefined);
  const ballast = new Ballast(world, options.directory, options.ballastSizeBytes ?? 0);
  await ballast.prepare();
  const opener = open.index ?? rocksIndex;
  const segmentsOf = (): Segments => new Segments(disk, journalDirectory, onBackgroundError);
  const indexDirectory = join(options.directory, "index");
  const usable = await openIndex(opener, indexDirectory, segmentsOf(), onBackgroundError);
  const { index, segments, state, indexed } = usable ?? (await makeIndex(opener, indexDirectory, segmentsOf()));
  try {
    const { attributesOf } = options;
    const parts = { segments, state, indexed, attributesOf, failpoint };
    const recovered = await recoverJournal({ disk, clock, journalDirectory, ...parts });
    const reservedBytes = options.reservedFreeBytes;
    const onAnswer = (freeBytes: number): void =>
      void ballast.restore(freeBytes, reservedBytes).catch(onBackgroundError);
    let store: JournalLogStore | undefined;
    const onGone = (error: unknown): void => store?.fail(error);
    const space = await SpaceGuard.open({ disk, clock, directory: journalDirectory, reservedBytes, onAnswer, onGone });
    store = new JournalLogStore({
      world,
      options,
      journalDirectory,
      index,
      state,
      segments,
      recovered,
      space,
      reclaim: open.reclaim,
      onSync: open.onSync,
      onBackgroundError,
    });
    await store.start();
    open.onRecovered?.({ ...recovered, indexRebuilt: usable === undefined && recovered.lastSegmentId > 0 });
    return store;
  } catch (error) {
    await index.close();
    throw error;
  }
}

interface OpenedIndex {
  readonly index: IndexStore;
  readonly segments: Segments;
  readonly state: DurableState;
  readonly indexed: IndexMeta | undefined;
}

/** Undefined when what is there cannot be used. */
async function openIndex(
  opener: IndexOpener,
  directory: string,
  segments: Segments,
  onBackgroundError: (error: unknown) => void,
): Promise<OpenedIndex | undefined> {
  let index: IndexStore | undefined;
  try {
    index = await opener.open(directory);
    const state = new DurableState(index, segments);
    const indexed = state.load();
    if (indexed !== undefined) return { index, segments, state, indexed };
  } catch (error) {
    // Without the path, for a folder may be called block-storage. "Block checksum mismatch" is no lock.
    const said = `${errorMessage(error)} ${causeOf(error)}`.replaceAll(directory, "");
    if (/\block\b/i.test(said)) throw new Error(`another process uses ${directory}: stop it first`, { cause: error });
    // A full disk or missing rights say nothing about the contents, either: those are left alone.
    if (/no space|permission|too many open/i.test(said)) throw error;
    onBackgroundError(error);
  }
  await index?.close();
  return undefined;
}

/** It is derived: the journal has everything. */
async function makeIndex(opener: IndexOpener, directory: string, segments: Segments): Promise<OpenedIndex> {
  await opener.destroy(directory);
  const index = await opener.open(directory);
  return { index, segments, state: new DurableState(index, segments), indexed: undefined };
}

const causeOf = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined ? errorMessage(error.cause) : "";
