import { pino, type Logger } from "pino";

export type { Logger } from "pino";

/** Structured logs, one JSON object a line, on standard error: standard output belongs to the program's answers. */
export function makeLogger(bindings: Record<string, unknown>, level = "info"): Logger {
  return pino({ level, base: bindings }, pino.destination({ dest: 2, sync: false }));
}

/** For tests and tools that want silence. */
export const silentLogger: Logger = pino({ level: "silent" });
