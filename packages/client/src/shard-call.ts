import { RequestKind } from "@millrace/proto";
import type { Clock } from "@millrace/util";
import type { UnavailableReason, Written } from "./errors.ts";
import type { ChoiceState } from "./replica-choice.ts";
import type { CallOptions } from "./types.ts";

/** One call of the router over all its attempts. */
export interface ShardCall<T> extends ChoiceState {
  readonly groupId: number;
  readonly kind: number;
  readonly stream: "append" | "read";
  readonly isAppend: boolean;
  body: readonly Uint8Array[];
  /** The same read, but of any replica: the way around a damaged one. */
  anyReplicaBody: readonly Uint8Array[] | undefined;
  /** The answer may come from a follower. */
  isAnyReplica: boolean;
  /** @throws RangeError */
  readonly decode: (body: Buffer) => T;
  /** Monotonic, both. */
  readonly startedAtMs: number;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** An attempt was on its way and nobody said what became of it. Never becomes false again. */
  perhapsWritten: boolean;
  reason: UnavailableReason;
  attempts: number;
  timeouts: number;
  hints: number;
  backoffs: number;
  hasWaitedForMetadata: boolean;
  /** A leader that looked silent, or was. When it is found to lead all the same, it is asked. */
  doubtedNodeId: string | undefined;
}

export function newShardCall<T>(
  clock: Clock,
  groupId: number,
  kind: number,
  body: readonly Uint8Array[],
  options: CallOptions,
  decode: (body: Buffer) => T,
): ShardCall<T> {
  const isAppend = kind === RequestKind.append;
  const nowMs = clock.monotonicMs();
  return {
    groupId,
    kind,
    stream: isAppend ? "append" : "read",
    isAppend,
    body,
    anyReplicaBody: undefined,
    isAnyReplica: false,
    decode,
    startedAtMs: nowMs,
    deadlineMs: nowMs + options.timeoutMs,
    signal: options.signal,
    perhapsWritten: false,
    reason: "timedOut",
    attempts: 0,
    timeouts: 0,
    hints: 0,
    backoffs: 0,
    hasWaitedForMetadata: false,
    rotation: 0,
    lastNodeId: undefined,
    doubtedNodeId: undefined,
  };
}

export function writtenOf({ perhapsWritten }: ShardCall<unknown>): Written {
  return perhapsWritten ? "perhaps" : "no";
}
