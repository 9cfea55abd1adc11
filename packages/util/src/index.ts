export { assert, AssertionError, defined, unreachable } from "./assert.ts";
export { BufferPool } from "./buffer-pool.ts";
export { errorMessage, MillraceError } from "./errors.ts";
export { makeLogger, silentLogger, type Logger } from "./logger.ts";
export { realWorld } from "./real-world.ts";
export { DAY_MS, HOUR_MS, KIB, MIB, MINUTE_MS, SECOND_MS } from "./units.ts";
export type { Clock, Disk, DiskFile, Random, Timer, World } from "./world.ts";
