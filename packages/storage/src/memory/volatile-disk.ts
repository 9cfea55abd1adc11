/** A disk that keeps nothing: for a process whose data may go with it. No faults, no second copy (that is MemoryDisk). */
import { basename, dirname } from "node:path";
import { type Disk, type DiskFile, MIB } from "@millrace/util";
import { systemError } from "./memory-disk.ts";

/** Files grow by whole chunks, so that growing copies nothing. */
const CHUNK_SIZE_BYTES = MIB / 4;

export interface VolatileDiskOptions {
  /** Of all files together; beyond it writes fail with ENOSPC. */
  readonly capacityBytes: number;
}

interface Contents {
  readonly chunks: Buffer[];
  sizeBytes: number;
}

export function volatileDisk({ capacityBytes }: VolatileDiskOptions): Disk {
  const files = new Map<string, Contents>();
  const directories = new Set<string>(["/"]);
  let usedBytes = 0;

  const resize = (file: Contents, sizeBytes: number, path: string): void => {
    const count = Math.ceil(sizeBytes / CHUNK_SIZE_BYTES);
    const growthBytes = (count - file.chunks.length) * CHUNK_SIZE_BYTES;
    if (growthBytes > 0 && usedBytes + growthBytes > capacityBytes) throw systemError("ENOSPC", path);
    usedBytes += growthBytes;
    while (file.chunks.length < count) file.chunks.push(Buffer.alloc(CHUNK_SIZE_BYTES));
    file.chunks.length = count;
    if (sizeBytes < file.sizeBytes) file.chunks.at(-1)?.fill(0, sizeBytes - (count - 1) * CHUNK_SIZE_BYTES);
    file.sizeBytes = sizeBytes;
  };
  const existing = (path: string): Contents => {
    const file = files.get(path);
    if (file === undefined) throw systemError("ENOENT", path);
    return file;
  };
  const forget = (path: string): void => {
    const file = files.get(path);
    if (file !== undefined) usedBytes -= file.chunks.length * CHUNK_SIZE_BYTES;
    files.delete(path);
  };

  const handle = (path: string, file: Contents): DiskFile => ({
    sizeBytes: async () => file.sizeBytes,
    read: async (target, positionBytes) => {
      const endBytes = Math.min(positionBytes + target.length, file.sizeBytes);
      return eachChunk(file, positionBytes, endBytes, (part, doneBytes) => part.copy(target, doneBytes));
    },
    write: async (chunks, positionBytes) => {
      let at = positionBytes;
      for (const bytes of chunks) {
        // As POSIX has it: nothing is written, and no file grows by it.
        if (bytes.length === 0) continue;
        if (at + bytes.length > file.sizeBytes) resize(file, at + bytes.length, path);
        eachChunk(file, at, at + bytes.length, (part, doneBytes) => {
          part.set(bytes.subarray(doneBytes, doneBytes + part.length));
        });
        at += bytes.length;
      }
    },
    datasync: async () => {},
    truncate: async (sizeBytes) => resize(file, sizeBytes, path),
    close: async () => {},
  });

  return {
    open: async (path, { create }) => {
      let file = files.get(path);
      if (file === undefined) {
        if (!create || !directories.has(dirname(path))) throw systemError("ENOENT", path);
        file = { chunks: [], sizeBytes: 0 };
        files.set(path, file);
      }
      return handle(path, file);
    },
    list: async (directory) => {
      if (!directories.has(directory)) throw systemError("ENOENT", directory);
      return [...files.keys()].filter((path) => dirname(path) === directory).map((path) => basename(path));
    },
    makeDirectory: async (path) => {
      for (let at = path; !directories.has(at); at = dirname(at)) directories.add(at);
    },
    remove: async (path) => {
      existing(path);
      forget(path);
    },
    rename: async (from, to) => {
      const file = existing(from);
      files.delete(from);
      forget(to);
      files.set(to, file);
    },
    syncDirectory: async () => {},
    freeBytes: async () => Math.max(0, capacityBytes - usedBytes),
  };
}

/** Visits the bytes from `fromBytes` to `endBytes` piece by piece; returns how many there are. */
function eachChunk(
  { chunks }: Contents,
  fromBytes: number,
  endBytes: number,
  visit: (part: Buffer, doneBytes: number) => void,
): number {
  let at = fromBytes;
  while (at < endBytes) {
    const within = at % CHUNK_SIZE_BYTES;
    const length = Math.min(CHUNK_SIZE_BYTES - within, endBytes - at);
    visit((chunks[Math.floor(at / CHUNK_SIZE_BYTES)] as Buffer).subarray(within, within + length), at - fromBytes);
    at += length;
  }
  return Math.max(0, at - fromBytes);
}
