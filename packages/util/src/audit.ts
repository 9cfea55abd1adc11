import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { type Logger, pino } from "pino";
import { errorMessage } from "./errors.ts";

/** Who asked for a change of the control plane, and what became of it. Never what is in a record, never a secret. */
export interface AuditEntry {
  readonly operation: string;
  /** An access key's id, or the name on a certificate; absent when the caller showed neither. */
  readonly who?: string | undefined;
  /** The address that the connection came from. */
  readonly from?: string | undefined;
  /** `ok`, or the name of the error. */
  readonly outcome: string;
  readonly stream?: string | undefined;
  readonly accountId?: string | undefined;
  readonly region?: string | undefined;
  readonly requestId?: string | undefined;
  /** Beside the stream: a broker, a shard. */
  readonly subject?: string | undefined;
  /** Entries before this one that were not written: too many at once. */
  readonly omitted?: number | undefined;
}

export type AuditLog = (entry: AuditEntry) => void;

/**
 * A line each: in the node's own log, marked `"log":"audit"`, whatever its level, or in a file of its own, written before the answer. While the
 * file cannot be written its lines go to the node's log: what was done is done, and a full disk there must not keep brokers from registering.
 * @throws Error when the file cannot be opened now
 */
export function makeAuditLog(nodeLogger: Logger, role: string, file: string | undefined): AuditLog {
  const bindings = { log: "audit", role };
  const inNodeLog = nodeLogger.child(bindings, { level: "info" });
  if (file === undefined) return (entry) => say(inNodeLog, entry);
  const target = new LinesFile(file);
  const inFile = pino({ base: { ...nodeLogger.bindings(), ...bindings } }, target);
  let isFailing = false;
  return (entry) => {
    try {
      say(inFile, entry);
      if (isFailing) nodeLogger.info({ file }, "audit log is written again");
      isFailing = false;
    } catch (error) {
      if (!isFailing)
        nodeLogger.error({ file, error: errorMessage(error) }, "AUDIT LOG NOT WRITABLE: its lines go here");
      isFailing = true;
      say(inNodeLog, entry);
    }
  };
}

function say(logger: Pick<Logger, "info">, entry: AuditEntry): void {
  logger.info(entry, `${entry.operation}: ${entry.outcome}`);
}

/** Lines at the end of a file, each there when `write` returns. After a failure it is opened anew: it may have been replaced. */
class LinesFile {
  readonly #path: string;
  #fd: number | undefined;
  /** The last line was cut off. */
  #isTorn = false;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    this.#fd = this.#open();
  }

  /** @throws Error when it is not there to its end */
  write(line: string): void {
    const bytes = Buffer.from(this.#isTorn ? `\n${line}` : line);
    let written = 0;
    try {
      this.#fd ??= this.#open();
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
      this.#isTorn = false;
    } catch (error) {
      this.#isTorn ||= written > 0;
      if (this.#fd !== undefined) closeSync(this.#fd);
      this.#fd = undefined;
      throw error;
    }
  }

  #open(): number {
    return openSync(this.#path, "a", 0o600);
  }
}
