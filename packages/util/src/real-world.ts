import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, statfs, type FileHandle } from "node:fs/promises";
import type { Clock, Disk, DiskFile, Random, Timer, World } from "./world.ts";

/** The real clock, randomness and disk. Only process entry points and tests call this. */
export function realWorld(): World {
  return { clock: realClock, random: realRandom, disk: realDisk };
}

const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs: number, callback: () => void): Timer {
    const handle = setTimeout(callback, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(handle);
        reject(signal?.reason as Error);
      };
      const handle = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, delayMs);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  },
};

const realRandom: Random = {
  next: () => Math.random(),
  between: (min: number, max: number) => min + Math.floor(Math.random() * (max - min + 1)),
  bytes: (count: number) => randomBytes(count),
  fork: () => realRandom,
};

const realDisk: Disk = {
  async open(path: string, { create }: { create: boolean }): Promise<DiskFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, "r+");
    } catch (error) {
      if (!create || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      handle = await open(path, "wx+");
    }
    return new RealFile(handle);
  },
  list: (directory: string) => readdir(directory),
  async makeDirectory(path: string): Promise<void> {
    await mkdir(path, { recursive: true });
  },
  remove: (path: string) => rm(path),
  rename: (from: string, to: string) => rename(from, to),
  async syncDirectory(path: string): Promise<void> {
    const handle = await open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async freeBytes(path: string): Promise<number> {
    const stats = await statfs(path);
    return stats.bavail * stats.bsize;
  },
};

class RealFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async sizeBytes(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(target: Buffer, positionBytes: number): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const { bytesRead } = await this.#handle.read(target, filled, target.length - filled, positionBytes + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async write(chunks: readonly Uint8Array[], positionBytes: number): Promise<void> {
    // The kernel takes at most IOV_MAX (1024) pieces a call and may write fewer bytes than asked.
    let position = positionBytes;
    for (let first = 0; first < chunks.length; first += 1_000) {
      let rest: readonly Uint8Array[] = chunks.slice(first, first + 1_000);
      while (rest.length > 0) {
        const { bytesWritten } = await this.#handle.writev(rest as NodeJS.ArrayBufferView[], position);
        position += bytesWritten;
        rest = dropBytes(rest, bytesWritten);
      }
    }
  }

  datasync(): Promise<void> {
    return this.#handle.datasync();
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#handle.truncate(sizeBytes);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function dropBytes(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  let index = 0;
  for (; index < chunks.length; index++) {
    const chunk = chunks[index] as Uint8Array;
    if (left < chunk.length) break;
    left -= chunk.length;
  }
  const rest = chunks.slice(index);
  const head = rest[0];
  if (left === 0 || head === undefined) return rest;
  return [head.subarray(left), ...rest.slice(1)];
}
