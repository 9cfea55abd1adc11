import { type Disk, type DiskFile, MIB } from "@millrace/util";
import { type MemoryDisk, systemError } from "@millrace/storage";
import type { SeededRandom } from "./random.ts";
import { EventKind, type Owner, type Scheduler } from "./scheduler.ts";

export type DiskVerb = "open" | "read" | "write" | "datasync" | "truncate" | "remove" | "rename" | "syncDirectory";

/** How a machine's disk behaves now. Faults change it, and change it back. */
export interface DiskBehaviour {
  /** Times as long as usual. */
  slowness: number;
  /** It takes what it is told, and does nothing. */
  isStalled: boolean;
  /** Of each operation. */
  readErrorChance: number;
  syncErrorChance: number;
}

export const HEALTHY_DISK: Readonly<DiskBehaviour> = {
  slowness: 1,
  isStalled: false,
  readErrorChance: 0,
  syncErrorChance: 0,
};

/** What happens around an operation. Either may end the process: then nothing that follows takes effect. */
export interface DiskHooks {
  before: (verb: DiskVerb, path: string) => void;
  after: (verb: DiskVerb, path: string) => void;
}

const READ_US = 60;
const WRITE_US = 15;
const SYNC_US = 150;
const SYNC_SPREAD_US = 400;
const SYNC_SPIKE_US = 20_000;
const SPIKE_CHANCE = 0.003;
const BYTES_PER_US = 400;
const STALL_STEP_US = 5_000;

export interface DiskOptions {
  readonly scheduler: Scheduler;
  readonly owner: Owner;
  readonly random: SeededRandom;
  readonly memory: MemoryDisk;
  readonly behaviour: DiskBehaviour;
  readonly hooks: DiskHooks;
  readonly written: (path: string, chunks: readonly Uint8Array[]) => void;
  readonly synced: (path: string) => void;
}

/** A memory disk as one process sees it: it takes its time, and fails when it is told to. */
export function simulatedDisk(options: DiskOptions): Disk {
  const { scheduler, owner, random, memory, behaviour, hooks } = options;
  const mounted = memory.mount();

  const timeUs = (verb: DiskVerb, sizeBytes: number): number => {
    let us = WRITE_US + random.between(0, WRITE_US);
    if (verb === "read" || verb === "open") us = READ_US + random.between(0, READ_US);
    if (verb === "datasync" || verb === "syncDirectory") {
      us = SYNC_US + random.between(0, SYNC_SPREAD_US);
      if (random.chance(SPIKE_CHANCE)) us += random.between(0, SYNC_SPIKE_US);
    }
    return (us + sizeBytes / BYTES_PER_US) * behaviour.slowness;
  };

  const perform = async <T>(verb: DiskVerb, path: string, sizeBytes: number, action: () => Promise<T>): Promise<T> => {
    let waitUs = timeUs(verb, sizeBytes);
    do {
      await new Promise<void>((resolve) => {
        scheduler.schedule(waitUs, owner, EventKind.disk, resolve);
      });
      waitUs = STALL_STEP_US;
    } while (behaviour.isStalled);
    hooks.before(verb, path);
    if (!owner.isAlive) throw systemError("EIO", path);
    if (verb === "read" && random.chance(behaviour.readErrorChance)) throw systemError("EIO", path);
    const result = await action();
    hooks.after(verb, path);
    if (!owner.isAlive) throw systemError("EIO", path);
    return result;
  };

  return {
    open: (path, openOptions) =>
      perform(
        "open",
        path,
        0,
        async () => new SimulatedFile(path, await mounted.open(path, openOptions), perform, options),
      ),
    list: (directory) => mounted.list(directory),
    makeDirectory: (path) => mounted.makeDirectory(path),
    remove: (path) => perform("remove", path, 0, () => mounted.remove(path)),
    rename: (from, to) => perform("rename", to, 0, () => mounted.rename(from, to)),
    syncDirectory: (path) => perform("syncDirectory", path, 0, () => mounted.syncDirectory(path)),
    freeBytes: (path) => mounted.freeBytes(path),
  };
}

type Perform = <T>(verb: DiskVerb, path: string, sizeBytes: number, action: () => Promise<T>) => Promise<T>;

class SimulatedFile implements DiskFile {
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #perform: Perform;
  readonly #options: DiskOptions;

  constructor(path: string, file: DiskFile, perform: Perform, options: DiskOptions) {
    this.#path = path;
    this.#file = file;
    this.#perform = perform;
    this.#options = options;
  }

  sizeBytes(): Promise<number> {
    return this.#file.sizeBytes();
  }

  read(target: Buffer, positionBytes: number): Promise<number> {
    return this.#perform("read", this.#path, target.length, () => this.#file.read(target, positionBytes));
  }

  write(chunks: readonly Uint8Array[], positionBytes: number): Promise<void> {
    let sizeBytes = 0;
    for (const chunk of chunks) sizeBytes += chunk.length;
    // The caller may reuse its memory only when the promise resolves, so nothing is copied here.
    return this.#perform("write", this.#path, sizeBytes, async () => {
      await this.#file.write(chunks, positionBytes);
      this.#options.written(this.#path, chunks);
    });
  }

  datasync(): Promise<void> {
    const { behaviour, random, memory } = this.#options;
    return this.#perform("datasync", this.#path, 0, async () => {
      if (!random.chance(behaviour.syncErrorChance)) {
        await this.#file.datasync();
        this.#options.synced(this.#path);
        return;
      }
      memory.fault = (operation, path) => (operation === "datasync" ? systemError("EIO", path) : undefined);
      try {
        return await this.#file.datasync();
      } finally {
        memory.fault = undefined;
      }
    });
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#perform("truncate", this.#path, 0, () => this.#file.truncate(sizeBytes));
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Beyond what any simulation writes. */
export const DISK_CAPACITY_BYTES = 1_024 * MIB;
