// RocksDB is on the real disk or nowhere.
// oxlint-disable-next-line no-restricted-imports
import { rm } from "node:fs/promises";
import { RocksLevel, type RocksBatch } from "@nxtedition/rocksdb";
import type { IndexOpener, IndexPair, IndexStore } from "./index-store.ts";

const MEMTABLE_BUDGET_BYTES = 32 * 1024 * 1024;
const BLOCK_CACHE_BYTES = 32 * 1024 * 1024;

/** RocksDB has its own file access, so it lives on the real disk only; the simulation takes the memory index. */
export const rocksIndex: IndexOpener = {
  async open(directory: string): Promise<IndexStore> {
    const db = new RocksLevel(directory, { keyEncoding: "buffer", valueEncoding: "buffer" });
    await db.open({
      createIfMissing: true,
      // Both are zstd by default, on the calling thread: the values are small and do not compress.
      compression: false,
      walCompression: false,
      compaction: "level",
      // The WAL grows to four times this: the option that should bound it sets another field.
      memtableMemoryBudget: MEMTABLE_BUDGET_BYTES,
      cacheSize: BLOCK_CACHE_BYTES,
      parallelism: 1,
    });
    return new RocksIndex(db);
  },
  destroy: (directory: string) => rm(directory, { recursive: true, force: true }),
};

const BUFFERS = { keyEncoding: "buffer", valueEncoding: "buffer" } as const;
const NO_OPTIONS = {};

class RocksIndex implements IndexStore {
  readonly #db: RocksLevel;
  /** One for all writes: a new one for each leaks native memory until the next garbage collection. */
  readonly #batch: RocksBatch;
  #deferredFailure: Error | undefined;

  constructor(db: RocksLevel) {
    this.#db = db;
    this.#batch = db.batch();
  }

  get(key: Buffer): Buffer | undefined {
    return this.#db._getManySync([key], NO_OPTIONS)[0] ?? undefined;
  }

  range(from: Buffer, to: Buffer, limit: number): IndexPair[] {
    const { rows } = this.#db.querySync({ gte: from, lt: to, limit, ...BUFFERS });
    const pairs: IndexPair[] = [];
    for (let at = 0; at + 1 < rows.length; at += 2) {
      pairs.push({ key: rows[at] as Buffer, value: rows[at + 1] as Buffer });
    }
    return pairs;
  }

  put(key: Buffer, value: Buffer): void {
    this.#batch._put(key, value, NO_OPTIONS);
  }

  delete(key: Buffer): void {
    this.#batch._del(key, NO_OPTIONS);
  }

  deleteRange(from: Buffer, to: Buffer): void {
    this.commit();
    // The binding does the work before it returns; a failure arrives by the callback, a tick later.
    void this.#db._clear({ gte: from, lt: to }, (error) => {
      this.#deferredFailure ??= error ?? undefined;
    });
  }

  commit(): void {
    if (this.#deferredFailure !== undefined) throw this.#deferredFailure;
    this.#batch._writeSync(NO_OPTIONS);
    this.#batch._clear();
  }

  close(): Promise<void> {
    this.#batch._closeSync();
    return this.#db.close();
  }
}
