import { type Logger, pino } from "pino";

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

/** A line each: in the node's own log, marked `"log":"audit"`, whatever its level, or in a file of its own, written before the answer. */
export function makeAuditLog(nodeLogger: Logger, role: string, file: string | undefined): AuditLog {
  const bindings = { log: "audit", role };
  const logger =
    file === undefined
      ? nodeLogger.child(bindings, { level: "info" })
      : pino(
          { base: { ...nodeLogger.bindings(), ...bindings } },
          pino.destination({ dest: file, mkdir: true, sync: true, mode: 0o600 }),
        );
  return (entry) => logger.info(entry, `${entry.operation}: ${entry.outcome}`);
}
