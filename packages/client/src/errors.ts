import { MillraceError } from "@millrace/util";

/** What a failed write left behind. `perhaps`: repeat it with the same batch id, and it is stored once. */
export type Written = "no" | "perhaps";

/** No controller leader answered in time. A command may have been decided: repeat it with the same command id. */
export class ControllerUnavailable extends MillraceError {
  readonly code = "CONTROLLER_UNAVAILABLE";
}

/** A controller refused the call itself (malformed, not permitted, unknown method): repeating it does not help. */
export class ControllerRefused extends MillraceError {
  readonly code = "CONTROLLER_REFUSED";
  readonly grpcStatus: number;

  constructor(message: string, grpcStatus: number, options?: { cause?: unknown }) {
    super(message, options);
    this.grpcStatus = grpcStatus;
  }
}

/** Base of the data path's errors. */
export abstract class ShardError extends MillraceError {
  abstract readonly written: Written;
  readonly groupId: number;

  constructor(message: string, groupId: number, options?: { cause?: unknown }) {
    super(message, options);
    this.groupId = groupId;
  }
}

/** The shard's quota is used up; a prefix of the batch within both figures would pass now. */
export class ShardThrottled extends ShardError {
  readonly code = "SHARD_THROTTLED";
  readonly written = "no";
  readonly recordsAvailable: number;
  readonly bytesAvailable: number;

  constructor(groupId: number, available: { recordsAvailable: number; bytesAvailable: number }) {
    super(`group ${groupId} is over its quota`, groupId);
    this.recordsAvailable = available.recordsAvailable;
    this.bytesAvailable = available.bytesAvailable;
  }
}

/** A reshard closed the shard: route anew with newer metadata. */
export class ShardClosed extends ShardError {
  readonly code = "SHARD_CLOSED";
  readonly written = "no";

  constructor(groupId: number) {
    super(`group ${groupId} is closed`, groupId);
  }
}

/** The stream was deleted, and the group with it. */
export class ShardGone extends ShardError {
  readonly code = "SHARD_GONE";
  readonly written: Written;

  constructor(groupId: number, written: Written) {
    super(`group ${groupId} no longer exists`, groupId);
    this.written = written;
  }
}

/** Why the last attempt failed. */
export type UnavailableReason =
  | "noLeader"
  | "disconnected"
  | "timedOut"
  | "overloaded"
  | "diskFull"
  | "corrupt"
  | "internal"
  | "unknownGroup"
  | "throttled"
  | "aborted"
  | "closed";

/** Nothing was written (or read) before the deadline passed or the caller's signal aborted. */
export class ShardUnavailable extends ShardError {
  readonly code = "SHARD_UNAVAILABLE";
  readonly written = "no";
  readonly reason: UnavailableReason;

  constructor(groupId: number, reason: UnavailableReason) {
    super(`group ${groupId} did not answer in time (${reason})`, groupId);
    this.reason = reason;
  }
}

/** Perhaps written: an attempt was on its way when the deadline passed or the caller's signal aborted. */
export class AppendOutcomeUnknown extends ShardError {
  readonly code = "APPEND_OUTCOME_UNKNOWN";
  readonly written = "perhaps";
  readonly reason: UnavailableReason;

  constructor(groupId: number, reason: UnavailableReason) {
    super(`the outcome of an append to group ${groupId} is unknown (${reason})`, groupId);
    this.reason = reason;
  }
}

/** The broker could not make sense of the request, or we of its answer: versions that do not fit, or a bug. */
export class ShardRequestRefused extends ShardError {
  readonly code = "SHARD_REQUEST_REFUSED";
  readonly written: Written;

  constructor(groupId: number, message: string, written: Written, options?: { cause?: unknown }) {
    super(`group ${groupId}: ${message}`, groupId, options);
    this.written = written;
  }
}
