import { totalmem } from "node:os";
import { MIB } from "./units.ts";

/** With so much memory for a process, or more, its bounds are as large as they are useful. */
const AMPLE_BYTES = 2_048 * MIB;
const SHARE_MIN = 1 / 8;

/** What this process may use: its container's limit, or the machine's memory. */
export function memoryLimitBytes(): number {
  // 0, or more than any machine has, where nothing limits it.
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/**
 * A bound for what is held in memory: `bytes` where the process has ample of it, and less in proportion where it has less. The bounds of
 * one process add up to about half of `limitBytes`: buffers on their way through gRPC and the garbage collector are copies of what they count.
 */
export function scaledToMemory(bytes: number, limitBytes = memoryLimitBytes()): number {
  return Math.floor(bytes * Math.min(1, Math.max(SHARE_MIN, limitBytes / AMPLE_BYTES)));
}
