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
  NodeCredentials,
} from "@millrace/proto";
import { assert, type Clock, errorMessage, type Logger, type Random } from "@millrace/util";
import { ControllerChannels } from "./controller-channels.ts";
import { ControllerWatch } from "./controller-watch.ts";
import { ControllerRefused, ControllerUnavailable } from "./errors.ts";
import { controllersOverGrpc } from "./grpc-controller.ts";
import {
  type ConnectController,
  ControllerCallFailed,
  type ControllerCallOptions,
  type ControllerChannel,
} from "./network.ts";
import { backoffMs, retryUntilDeadline, TryAgain } from "./retry.ts";
import type { CallOptions, ControllerConnection, Watch } from "./types.ts";

export interface ControllerConnectionOptions {
  /** host:port of every controller; any of them will do to find the leader. */
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Plain text unless given. */
  readonly nodeCredentials?: NodeCredentials | undefined;
  /** gRPC unless given. */
  readonly connect?: ConnectController;
}

/** A stopped leader must not use up the caller's whole time: half of it at most, where that is short. */
const ATTEMPT_TIMEOUT_MAX_MS = 2_000;
const ATTEMPT_TIMEOUT_SHARE = 0.5;
const BACKOFF_MIN_MS = 10;
const BACKOFF_MAX_MS = 100;
/** Redirects followed at once; more mean that the replicas disagree, which takes time to pass. */
const REDIRECTS_AT_ONCE_MAX = 2;

/** Connects lazily: the first call or watch does. */
export function connectControllers(options: ControllerConnectionOptions): ControllerConnection {
  return new LeaderControllerConnection(options);
}

type CallOne<T> = (channel: ControllerChannel, options: ControllerCallOptions) => Promise<T>;

/** State of one call over its attempts. */
interface CallState {
  readonly deadlineMs: number;
  readonly attemptTimeoutMs: number;
  attempts: number;
  redirects: number;
}

class LeaderControllerConnection implements ControllerConnection {
  readonly #options: ControllerConnectionOptions;
  readonly #channels: ControllerChannels;
  readonly #watches = new Set<ControllerWatch>();
  /** Where the last call found the leader. */
  #leaderAddress: string | undefined;
  #nextIndex = 0;
  #closed = false;

  constructor(options: ControllerConnectionOptions) {
    this.#options = options;
    const { addresses, clock, nodeCredentials, connect = controllersOverGrpc(clock, nodeCredentials) } = options;
    this.#channels = new ControllerChannels(addresses, connect);
  }

  async execute(command: Command, options: CallOptions): Promise<CommandResult__Output> {
    assert((command.commandId ?? "") !== "", "a command has an id, or its repetition is another command");
    const result = await this.#call(options, (channel, callOptions) => channel.execute(command, callOptions));
    this.#noteVersion(result.version);
    return result;
  }

  async heartbeat(heartbeat: BrokerHeartbeat, options: CallOptions): Promise<HeartbeatResult> {
    const result = await this.#call(options, (channel, callOptions) => channel.heartbeat(heartbeat, callOptions));
    this.#noteVersion(result.version);
    return result;
  }

  async status(options: CallOptions): Promise<ClusterStatus> {
    const result = await this.#call(options, (channel, callOptions) => channel.status(callOptions));
    this.#noteVersion(result.version);
    return result;
  }

  backup(options: CallOptions): Promise<BackupResult> {
    return this.#call(options, (channel, callOptions) => channel.backup(callOptions));
  }

  leases(request: LeasesRequest, options: CallOptions): Promise<LeasesResult> {
    return this.#call(options, (channel, callOptions) => channel.leases(request, callOptions));
  }

  watch(onUpdate: (update: MetadataUpdate__Output) => void): Watch {
    assert(!this.#closed, "the connection is open");
    const watch = new ControllerWatch({
      ...this.#options,
      channels: this.#channels,
      onUpdate,
      onClose: () => this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    watch.start();
    return watch;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const watch of this.#watches) watch.close();
    this.#channels.close();
  }

  #noteVersion(version: number): void {
    for (const watch of this.#watches) watch.versionExists(version);
  }

  async #call<T>(options: CallOptions, callOne: CallOne<T>): Promise<T> {
    const { clock } = this.#options;
    const { signal } = options;
    const deadlineMs = clock.monotonicMs() + options.timeoutMs;
    const attemptTimeoutMs = Math.min(ATTEMPT_TIMEOUT_MAX_MS, options.timeoutMs * ATTEMPT_TIMEOUT_SHARE);
    const call: CallState = { deadlineMs, attemptTimeoutMs, attempts: 0, redirects: 0 };
    try {
      if (signal?.aborted === true) throw new TryAgain(0, { cause: signal.reason });
      return await retryUntilDeadline(() => this.#attempt(call, signal, callOne), {
        clock,
        deadlineMs,
        signal,
      });
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error;
      const why = signal?.aborted === true ? "the call was aborted" : errorMessage(error.cause);
      throw new ControllerUnavailable(`no controller leader answered: ${why}`, { cause: error.cause });
    }
  }

  async #attempt<T>(call: CallState, signal: AbortSignal | undefined, callOne: CallOne<T>): Promise<T> {
    if (this.#closed) throw new ControllerUnavailable("the connection is closed");
    const { clock } = this.#options;
    const address = this.#leaderAddress ?? this.#channels.address(this.#nextIndex);
    const timeoutMs = Math.max(1, Math.min(call.attemptTimeoutMs, call.deadlineMs - clock.monotonicMs()));
    try {
      const value = await callOne(this.#channels.channelTo(address), { timeoutMs, signal });
      this.#leaderAddress = address;
      return value;
    } catch (error) {
      throw error instanceof ControllerCallFailed ? this.#verdict(call, address, error) : error;
    }
  }

  /** What to do about a failed attempt: an error to throw, TryAgain among them. */
  #verdict(call: CallState, address: string, error: ControllerCallFailed): Error {
    call.attempts++;
    if (error.kind === "refused") return new ControllerRefused(error.message, error.grpcStatus ?? 0, { cause: error });
    const { random } = this.#options;
    const leader = error.leaderAddress;
    // Others may have found the leader meanwhile: only what this attempt believed is given up.
    const isNews = this.#leaderAddress === undefined || this.#leaderAddress === address;
    if (leader !== undefined && leader !== address) {
      if (isNews) this.#leaderAddress = leader;
      call.redirects++;
      const delayMs = call.redirects <= REDIRECTS_AT_ONCE_MAX ? 0 : this.#backoff(call.redirects);
      return new TryAgain(delayMs, { cause: error });
    }
    if (isNews) {
      this.#leaderAddress = undefined;
      this.#nextIndex = this.#channels.indexAfter(address, this.#nextIndex);
    }
    // The first round over all replicas is quick: one dead controller of three costs no wait.
    const isFirstRound = call.attempts < this.#channels.addresses.length;
    const delayMs = isFirstRound ? random.between(0, BACKOFF_MIN_MS) : this.#backoff(call.attempts);
    return new TryAgain(delayMs, { cause: error });
  }

  #backoff(attempts: number): number {
    return backoffMs(this.#options.random, attempts, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
  }
}
