/** What is used of the binding's interface; it ships without types. The names with an underscore skip its encodings. */
declare module "@nxtedition/rocksdb" {
  export interface RocksBatch {
    _put(key: Buffer, value: Buffer, options: object): void;
    _del(key: Buffer, options: object): void;
    _clear(): void;
    _writeSync(options: { sync?: boolean }): void;
    _closeSync(): void;
  }

  export interface RocksRange {
    readonly gte?: Buffer;
    readonly lt?: Buffer;
    readonly limit?: number;
    readonly reverse?: boolean;
    readonly keyEncoding?: "buffer";
    readonly valueEncoding?: "buffer";
  }

  export class RocksLevel {
    constructor(location: string, options: { keyEncoding: "buffer"; valueEncoding: "buffer" });
    open(options: {
      createIfMissing: boolean;
      compression: boolean;
      walCompression: boolean;
      compaction: "level" | "universal";
      memtableMemoryBudget: number;
      cacheSize: number;
      parallelism: number;
    }): Promise<void>;
    batch(): RocksBatch;
    _getManySync(keys: readonly Buffer[], options: object): (Buffer | undefined | null)[];
    querySync(range: RocksRange): { rows: (Buffer | undefined)[]; finished: boolean };
    _clear(range: RocksRange, callback: (error: Error | null | undefined) => void): unknown;
    close(): Promise<void>;
  }
}
