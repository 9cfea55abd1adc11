import type { TraceContext } from "@millrace/util";
import type {
  AppendResult,
  BackupResult,
  BrokerHeartbeat,
  ClaimRequest,
  ClaimVerdict,
  ClusterStatus,
  Command,
  CommandResult__Output,
  HeartbeatResult,
  LeasesRequest,
  LeasesResult,
  LocateRequest,
  LocateResult,
  MetadataUpdate__Output,
  ReadRequest,
  ReadResult,
} from "@millrace/proto";

/** The controller group as one service: follows its leader, reconnects, retries with the same command id. */
export interface ControllerConnection {
  /**
   * Resolves with the decision's result, an error of the decision included.
   * @throws ControllerUnavailable when no leader answered before `signal` aborted or the deadline passed.
   */
  execute(command: Command, options: CallOptions): Promise<CommandResult__Output>;
  heartbeat(heartbeat: BrokerHeartbeat, options: CallOptions): Promise<HeartbeatResult>;
  status(options: CallOptions): Promise<ClusterStatus>;
  /** All metadata as of now. */
  backup(options: CallOptions): Promise<BackupResult>;
  /** A consumer group as of now. */
  leases(request: LeasesRequest, options: CallOptions): Promise<LeasesResult>;
  /** Updates in version order, from any replica, across reconnects; ends with `close`. */
  watch(onUpdate: (update: MetadataUpdate__Output) => void): Watch;
  close(): void;
}

export interface Watch {
  close(): void;
}

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface RoutedReadResult extends ReadResult {
  /**
   * The shard's leader answered: at most what was acknowledged in the last second before the request is missing. Otherwise some
   * replica did, while nobody led, and nobody knows how much has been acknowledged beyond it.
   */
  readonly isCurrent: boolean;
}

/**
 * The data path as one service: routes each call to the group's leader, and rides out leader changes, dead brokers and
 * stale metadata until the deadline.
 */
export interface ShardRouter {
  /**
   * Stores a sealed batch once, whatever is retried: its batch id must be the same on every attempt.
   * @throws ShardThrottled, ShardClosed: nothing was written. ShardUnavailable: nothing was written, deadline passed.
   *   AppendOutcomeUnknown: perhaps written, deadline passed.
   */
  append(groupId: number, batch: Buffer, options: AppendOptions): Promise<AppendResult>;
  /** @throws ShardUnavailable, ShardThrottled, ShardGone (the group was deleted with its stream) */
  read(request: ReadRequest, options: CallOptions): Promise<RoutedReadResult>;
  /** Committed batches as they commit, until the end of a closed shard or the abort. @throws ShardGone */
  subscribe(groupId: number, fromOffset: number, signal: AbortSignal): AsyncIterable<ReadResult>;
  /** One subscription of a consumer at a time: asks the shard's leader. @throws ShardUnavailable, ShardGone */
  claim(request: ClaimRequest, options: CallOptions): Promise<ClaimVerdict>;
  /** @throws ShardUnavailable, ShardGone */
  locate(request: LocateRequest, options: CallOptions): Promise<LocateResult>;
}

export interface AppendOptions extends CallOptions {
  /** Charge the shard's write quota. */
  readonly quotas: boolean;
  /** What it is a part of, for the broker's trace. */
  readonly trace?: TraceContext;
}
