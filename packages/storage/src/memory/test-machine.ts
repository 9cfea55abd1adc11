/** For tests: a machine with a disk in memory, on which the store can be opened again and again. */
import type { World } from "@millrace/util";
import type { Entry } from "@millrace/raft";
import type { LogStore, LogStoreOptions } from "../log-store.ts";
import { openLogStore, type OpenOptions, type RecoveryReport } from "../open-log-store.ts";
import { ManualClock, seededRandom } from "./manual-clock.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { MemoryIndexes } from "./memory-index.ts";

export const DIRECTORY = "/data";
export const READ_ALL = { bytesMax: Number.MAX_SAFE_INTEGER };

export class TestMachine {
  readonly disk = new MemoryDisk();
  readonly indexes = new MemoryIndexes();
  readonly backgroundErrors: unknown[] = [];
  clock = new ManualClock();
  report: RecoveryReport | undefined;

  open(options: Partial<LogStoreOptions> = {}, open: OpenOptions = {}): Promise<LogStore> {
    this.clock = new ManualClock();
    const world: World = { clock: this.clock, random: seededRandom(1), disk: this.disk.mount() };
    return openLogStore(
      world,
      {
        directory: DIRECTORY,
        attributesOf: ({ type, index }) => (type === "data" ? { offset: index * 10, timeMs: index * 100 } : undefined),
        segmentSizeBytes: 1024 * 1024,
        cacheSizeBytes: 0,
        reservedFreeBytes: 0,
        ...options,
      },
      {
        index: this.indexes,
        onRecovered: (report) => (this.report = report),
        onBackgroundError: (error) => this.backgroundErrors.push(error),
        ...open,
      },
    );
  }

  /** The power goes, and everything that was not synced with it. */
  crash(unsyncedWrites: "lost" | "kept" = "lost"): void {
    this.disk.crash({ unsyncedWrites, random: seededRandom(1) });
    this.indexes.crash(0);
  }

  destroyIndex(): Promise<void> {
    return this.indexes.destroy(`${DIRECTORY}/index`);
  }

  async segmentPaths(): Promise<string[]> {
    const names = await this.disk.mount().list(`${DIRECTORY}/journal`);
    return names.sort().map((name) => `${DIRECTORY}/journal/${name}`);
  }
}

/** Entries with recognizable payloads. */
export function entries(fromIndex: number, toIndex: number, term: number, sizeBytes = 20): Entry[] {
  return Array.from({ length: toIndex - fromIndex + 1 }, (_, at): Entry => {
    const index = fromIndex + at;
    return { index, term, type: "data", payload: Buffer.from(`${index}/${term} `.padEnd(sizeBytes, "x")) };
  });
}
