import type { Failpoint } from "./failpoints.ts";

/**
 * All that is no function of the input: time, randomness, files. Made real in `real-world.ts` by the process entry
 * points only; everything below takes a `World`, so that a simulation can run the same code on one seed.
 */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  /** Called at named places, where a test may let the process die. Absent in production. */
  readonly failpoint?: Failpoint | undefined;
}

export interface Clock {
  /** Wall clock, epoch milliseconds. For people and record timestamps; may jump. */
  nowMs(): number;
  /** Never goes back. For time-outs and durations. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`. The timer does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Timer {
  cancel(): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer, both ends inclusive. */
  between(min: number, max: number): number;
  bytes(count: number): Buffer;
  /** An independent source, so that a new draw here does not move the draws there. */
  fork(label: string): Random;
}

/** The part of a file system that a log needs. Paths are absolute. Errors are Node's (`code` ENOENT, ENOSPC, EIO ...). */
export interface Disk {
  /** `create` makes a missing file; without it a missing file is ENOENT. Always opened for reading and writing. */
  open(path: string, options: { create: boolean }): Promise<DiskFile>;
  /** Names, not paths, in no particular order. */
  list(directory: string): Promise<string[]>;
  makeDirectory(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes creations, removals and renames in the directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes free to an unprivileged writer on the file system that holds `path`. */
  freeBytes(path: string): Promise<number>;
}

export interface DiskFile {
  sizeBytes(): Promise<number>;
  /** Fills `target` from `positionBytes`; the count is short only at the end of the file. */
  read(target: Buffer, positionBytes: number): Promise<number>;
  /** Writes all of it, or rejects. Not durable before `datasync` resolves. */
  write(chunks: readonly Uint8Array[], positionBytes: number): Promise<void>;
  /** fdatasync. A rejection is final: what was written since the last success may be lost. Never call it again. */
  datasync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}
