/**
 * The disk's twin for tests and the simulation: files in memory, with the faults that disks have. What was not synced
 * may be lost, kept or torn when the machine crashes; a failed sync leaves pages that look clean and never arrive.
 */
import { basename, dirname } from "node:path";
import { assert, type Clock, type Disk, type DiskFile, type Random } from "@millrace/util";
import { MemoryInode } from "./memory-inode.ts";

export type DiskOperation =
  | "open"
  | "read"
  | "write"
  | "datasync"
  | "truncate"
  | "remove"
  | "rename"
  | "list"
  | "makeDirectory"
  | "syncDirectory"
  | "freeBytes";

export interface MemoryDiskOptions {
  readonly capacityBytes?: number;
  /** How long an operation takes, on `clock`. */
  readonly latency?: {
    readonly clock: Clock;
    latencyMs(operation: DiskOperation, sizeBytes: number): number;
  };
  /** Asked before each operation: an error to fail it with. */
  readonly fault?: (operation: DiskOperation, path: string) => Error | undefined;
}

/** What becomes of writes that were not synced. */
export interface CrashOptions {
  readonly unsyncedWrites: "lost" | "kept" | "torn";
  /** For "torn": what the device writes as a whole. 512 is real, 1 is worse than real. */
  readonly sectorSizeBytes?: number;
  readonly random: Random;
}

/** A change of names that no directory sync has made durable yet. */
interface NameChange {
  readonly path: string;
  readonly inode: MemoryInode | undefined;
  /** Half of a rename: the next one belongs to it. */
  readonly joined: boolean;
}

export class MemoryDisk {
  readonly #options: MemoryDiskOptions;
  readonly #directories = new Set<string>(["/"]);
  #names = new Map<string, MemoryInode>();
  #durableNames = new Map<string, MemoryInode>();
  #nameChanges: NameChange[] = [];
  /** Handles of before a crash are of no use after it. */
  #generation = 0;
  #capacityBytes: number;
  fault: MemoryDiskOptions["fault"];

  constructor(options: MemoryDiskOptions = {}) {
    this.#options = options;
    this.#capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
    this.fault = options.fault;
  }

  setCapacity(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
  }

  usedBytes(): number {
    let sum = 0;
    for (const inode of this.#names.values()) sum += inode.sizeBytes;
    return sum;
  }

  /** The power goes. Everything that was open is unusable; open the store again on what is left. */
  crash(options: CrashOptions): void {
    const { unsyncedWrites, random } = options;
    const changes = this.#nameChanges;
    let kept = changes.length;
    if (unsyncedWrites === "lost") kept = 0;
    // File systems log their changes of names in order.
    if (unsyncedWrites === "torn") kept = random.between(0, changes.length);
    if (changes[kept - 1]?.joined === true) kept++;
    for (const change of changes.slice(0, kept)) applyName(this.#durableNames, change);
    this.#nameChanges = [];
    for (const inode of new Set([...this.#names.values(), ...this.#durableNames.values()])) {
      inode.crash(unsyncedWrites, options.sectorSizeBytes ?? 512, random);
    }
    this.#names = new Map(this.#durableNames);
    this.#generation++;
  }

  /** Rot: one bit, on the device. */
  flipBit(path: string, offsetBytes: number, bit = 0): void {
    this.#inode(path).flipBit(offsetBytes, bit);
  }

  /** Of all files, whole. */
  paths(): string[] {
    return [...this.#names.keys()];
  }

  contents(path: string): Buffer {
    return Buffer.from(this.#inode(path).bytes);
  }

  /** Replaces a file behind everybody's back, durably. */
  setContents(path: string, bytes: Buffer): void {
    const inode = new MemoryInode();
    inode.write([bytes], 0);
    inode.sync();
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  /** Somebody removes all that has a path which begins so, durably. */
  removeAll(prefix: string): void {
    for (const names of [this.#names, this.#durableNames]) {
      for (const path of [...names.keys()]) if (path.startsWith(prefix)) names.delete(path);
    }
    this.#nameChanges = this.#nameChanges.filter(({ path }) => !path.startsWith(prefix));
    for (const path of [...this.#directories]) if (path.startsWith(prefix)) this.#directories.delete(path);
  }

  /** The file system for one run of the machine: after a crash, all that holds it gets errors. */
  mount(): Disk {
    const generation = this.#generation;
    const perform = <T>(operation: DiskOperation, path: string, action: () => T): Promise<T> =>
      this.perform(operation, path, 0, generation, action);
    return {
      open: (path, { create }) => perform("open", path, () => this.#open(path, create)),
      list: (directory) => perform("list", directory, () => this.#list(directory)),
      makeDirectory: (path) => perform("makeDirectory", path, () => this.#makeDirectory(path)),
      remove: (path) =>
        perform("remove", path, () => {
          this.#inode(path);
          this.#rename({ path, inode: undefined, joined: false });
        }),
      rename: (from, to) =>
        perform("rename", from, () => {
          const inode = this.#inode(from);
          this.#rename({ path: to, inode, joined: true });
          this.#rename({ path: from, inode: undefined, joined: false });
        }),
      syncDirectory: (path) => perform("syncDirectory", path, () => this.#syncDirectory(path)),
      freeBytes: (path) => perform("freeBytes", path, () => Math.max(0, this.#capacityBytes - this.usedBytes())),
    };
  }

  /** Waits the operation's time, fails it if that is asked for or if the machine crashed meanwhile, else does it. */
  async perform<T>(
    operation: DiskOperation,
    path: string,
    sizeBytes: number,
    generation: number,
    action: () => T,
  ): Promise<T> {
    const { latency } = this.#options;
    const latencyMs = latency?.latencyMs(operation, sizeBytes) ?? 0;
    if (latency !== undefined && latencyMs > 0) await latency.clock.sleep(latencyMs);
    else await Promise.resolve();
    if (generation !== this.#generation) throw systemError("EIO", path);
    const failure = this.fault?.(operation, path);
    if (failure !== undefined) throw failure;
    return action();
  }

  isCurrent(generation: number): boolean {
    return generation === this.#generation;
  }

  checkRoom(growthBytes: number, path: string): void {
    if (growthBytes > 0 && this.usedBytes() + growthBytes > this.#capacityBytes) throw systemError("ENOSPC", path);
  }

  #open(path: string, create: boolean): DiskFile {
    let inode = this.#names.get(path);
    if (inode === undefined) {
      if (!create || !this.#directories.has(dirname(path))) throw systemError("ENOENT", path);
      inode = new MemoryInode();
      this.#rename({ path, inode, joined: false });
    }
    return new MemoryFile(this, path, inode, this.#generation);
  }

  #list(directory: string): string[] {
    if (!this.#directories.has(directory)) throw systemError("ENOENT", directory);
    const paths = [...this.#names.keys(), ...this.#directories];
    return paths.filter((path) => path !== "/" && dirname(path) === directory).map((path) => basename(path));
  }

  /** Durable at once: nothing is to be learnt from losing a whole directory. */
  #makeDirectory(path: string): void {
    for (let at = path; !this.#directories.has(at); at = dirname(at)) this.#directories.add(at);
  }

  #syncDirectory(path: string): void {
    const rest: NameChange[] = [];
    for (const change of this.#nameChanges) {
      if (dirname(change.path) === path) applyName(this.#durableNames, change);
      else rest.push(change);
    }
    this.#nameChanges = rest;
  }

  #inode(path: string): MemoryInode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw systemError("ENOENT", path);
    return inode;
  }

  #rename(change: NameChange): void {
    applyName(this.#names, change);
    this.#nameChanges.push(change);
  }
}

class MemoryFile implements DiskFile {
  readonly #disk: MemoryDisk;
  readonly #path: string;
  readonly #inode: MemoryInode;
  readonly #generation: number;
  #closed = false;

  constructor(disk: MemoryDisk, path: string, inode: MemoryInode, generation: number) {
    this.#disk = disk;
    this.#path = path;
    this.#inode = inode;
    this.#generation = generation;
  }

  sizeBytes(): Promise<number> {
    return this.#perform("read", 0, () => this.#inode.sizeBytes);
  }

  read(target: Buffer, positionBytes: number): Promise<number> {
    return this.#perform("read", target.length, () => this.#inode.read(target, positionBytes));
  }

  write(chunks: readonly Uint8Array[], positionBytes: number): Promise<void> {
    let sizeBytes = 0;
    for (const chunk of chunks) sizeBytes += chunk.length;
    return this.#perform("write", sizeBytes, () => {
      this.#disk.checkRoom(positionBytes + sizeBytes - this.#inode.sizeBytes, this.#path);
      this.#inode.write(chunks, positionBytes);
    });
  }

  async datasync(): Promise<void> {
    try {
      await this.#perform("datasync", this.#inode.unsyncedBytes, () => this.#inode.sync());
    } catch (error) {
      if (this.#disk.isCurrent(this.#generation)) this.#inode.failSync();
      throw error;
    }
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#perform("truncate", 0, () => this.#inode.truncate(sizeBytes));
  }

  close(): Promise<void> {
    assert(!this.#closed, "a file is closed once");
    this.#closed = true;
    return Promise.resolve();
  }

  #perform<T>(operation: DiskOperation, sizeBytes: number, action: () => T): Promise<T> {
    assert(!this.#closed, `${this.#path}: ${operation} after close`);
    return this.#disk.perform(operation, this.#path, sizeBytes, this.#generation, action);
  }
}

function applyName(names: Map<string, MemoryInode>, { path, inode }: NameChange): void {
  if (inode === undefined) names.delete(path);
  else names.set(path, inode);
}

export function systemError(code: "ENOENT" | "EIO" | "ENOSPC", path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
