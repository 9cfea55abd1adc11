import type {
  BackupResult,
  BrokerHeartbeat,
  ClusterStatus,
  Command,
  CommandResult__Output,
  HeartbeatResult,
  LeasesRequest,
  LeasesResult,
  MetadataUpdate__Output,
  RawFrame,
} from "@millrace/proto";
import { MillraceError } from "@millrace/util";

/**
 * What this package asks of a network: connections that are made once and break. Reconnecting, time-outs, retries and
 * bounds are above it. `grpc-shard-log.ts` and `grpc-controller.ts` are the real one; a simulation brings its own.
 */
export type ConnectShardLog = (address: string, listener: ConnectionListener) => ShardLogConnection;

/** Never called from within `connect` or `close`. */
export interface ConnectionListener {
  up(): void;
  /** It cannot be had, or was up and is broken. Nothing follows. */
  down(why: string): void;
}

/** The data path to one broker. */
export interface ShardLogConnection {
  /** Between `up` and the moment it is known to be broken, which may be before `down`. */
  readonly isUp: boolean;
  /** Only while it is up, as the next two. */
  append(listener: FrameListener): FrameStream;
  read(listener: FrameListener): FrameStream;
  subscribe(groupId: number, fromOffset: number): FrameSource;
  /** Ends its streams too; their listeners hear nothing more. */
  close(): void;
}

export interface FrameListener {
  frame(frame: RawFrame): void;
  /** Once, whoever ended it, unless `cancel` did. */
  ended(why: string): void;
}

export interface FrameStream {
  /** In order. `taken`: the connection has it, and looks at the frame no more; until then it is a queue here. */
  write(frame: RawFrame, taken: () => void): void;
  cancel(): void;
}

/**
 * Frames at the reader's pace. Ends where the broker ended it well, or after `cancel`.
 * @throws NotLeading by the broker's word, any other error when the stream broke.
 */
export interface FrameSource extends AsyncIterable<RawFrame> {
  cancel(): void;
}

/** The broker that was asked does not lead the group (any more). */
export class NotLeading extends MillraceError {
  readonly code = "NOT_LEADING";
  /** Node id; empty while there is none. */
  readonly leaderId: string;

  constructor(leaderId: string, options?: { cause?: unknown }) {
    super(`not the leader; ${leaderId === "" ? "there is none" : `${leaderId} is`}`, options);
    this.leaderId = leaderId;
  }
}

export type ConnectController = (address: string) => ControllerChannel;

export interface ControllerCallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Calls to one controller, connected lazily. All reject with ControllerCallFailed. */
export interface ControllerChannel {
  execute(command: Command, options: ControllerCallOptions): Promise<CommandResult__Output>;
  heartbeat(heartbeat: BrokerHeartbeat, options: ControllerCallOptions): Promise<HeartbeatResult>;
  status(options: ControllerCallOptions): Promise<ClusterStatus>;
  backup(options: ControllerCallOptions): Promise<BackupResult>;
  leases(request: LeasesRequest, options: ControllerCallOptions): Promise<LeasesResult>;
  watch(request: { knownVersion: number; clusterId: string }, listener: WatchListener): { cancel(): void };
  /** Ends its calls; watches hear nothing more. */
  close(): void;
}

/** Never called from within `watch` or `cancel`, nor after it. */
export interface WatchListener {
  update(update: MetadataUpdate__Output): void;
  ended(why: string): void;
}

/**
 * `notLeader`: another one is, perhaps at `leaderAddress`. `refused`: the call itself is no good. `away`: no answer, and
 * nobody knows whether it was carried out.
 */
export class ControllerCallFailed extends MillraceError {
  readonly code = "CONTROLLER_CALL_FAILED";
  readonly kind: "notLeader" | "refused" | "away";
  readonly leaderAddress: string | undefined;
  readonly grpcStatus: number | undefined;

  constructor(
    message: string,
    kind: "notLeader" | "refused" | "away",
    details: { leaderAddress?: string | undefined; grpcStatus?: number; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.leaderAddress = details.leaderAddress;
    this.grpcStatus = details.grpcStatus;
  }
}
