import { type ClientUnaryCall, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type {
  BrokerHeartbeat,
  ClusterStatus,
  Command,
  CommandResult__Output,
  ControllerClient,
  HeartbeatResult,
  MetadataUpdate__Output,
} from "@millrace/proto";
import { assert, type Clock, errorMessage, type Logger, type Random } from "@millrace/util";
import { cancelSoon } from "./cancel-soon.ts";
import { ControllerClients } from "./controller-clients.ts";
import { ControllerWatch } from "./controller-watch.ts";
import { ControllerRefused, ControllerUnavailable } from "./errors.ts";
import { backoffMs, retryUntilDeadline, TryAgain } from "./retry.ts";
import type { CallOptions, ControllerConnection, Watch } from "./types.ts";

export interface ControllerConnectionOptions {
  /** host:port of every controller; any of them will do to find the leader. */
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A stopped leader must not use up the caller's whole time. */
const ATTEMPT_TIMEOUT_MS = 2_000;
const BACKOFF_MIN_MS = 10;
const BACKOFF_MAX_MS = 400;
/** Redirects followed at once; more mean that the replicas disagree, which takes time to pass. */
const REDIRECTS_AT_ONCE_MAX = 2;
export const LEADER_TRAILER = "millrace-leader";

/** Connects lazily: the first call or watch does. */
export function connectControllers(options: ControllerConnectionOptions): ControllerConnection {
  return new GrpcControllerConnection(options);
}

type Callback<T> = (error: ServiceError | null, value?: T) => void;
type UnaryMethod<T> = (
  client: ControllerClient,
  metadata: Metadata,
  options: { deadline: Date },
  callback: Callback<T>,
) => ClientUnaryCall;

/** State of one call over its attempts. */
interface CallState {
  attempts: number;
  redirects: number;
  lastError: unknown;
}

class GrpcControllerConnection implements ControllerConnection {
  readonly #options: ControllerConnectionOptions;
  readonly #clients: ControllerClients;
  readonly #watches = new Set<ControllerWatch>();
  /** Where the last call found the leader. */
  #leaderAddress: string | undefined;
  #nextIndex = 0;
  #closed = false;

  constructor(options: ControllerConnectionOptions) {
    this.#options = options;
    this.#clients = new ControllerClients(options.addresses);
  }

  async execute(command: Command, options: CallOptions): Promise<CommandResult__Output> {
    assert((command.commandId ?? "") !== "", "a command has an id, or its repetition is another command");
    const result = await this.#call<CommandResult__Output>(options, (client, metadata, callOptions, callback) =>
      client.execute(command, metadata, callOptions, callback),
    );
    this.#noteVersion(result.version);
    return result;
  }

  async heartbeat(heartbeat: BrokerHeartbeat, options: CallOptions): Promise<HeartbeatResult> {
    const result = await this.#call<HeartbeatResult>(options, (client, metadata, callOptions, callback) =>
      client.heartbeat(heartbeat, metadata, callOptions, callback),
    );
    this.#noteVersion(result.version);
    return result;
  }

  async status(options: CallOptions): Promise<ClusterStatus> {
    const result = await this.#call<ClusterStatus>(options, (client, metadata, callOptions, callback) =>
      client.status({}, metadata, callOptions, callback),
    );
    this.#noteVersion(result.version);
    return result;
  }

  watch(onUpdate: (update: MetadataUpdate__Output) => void): Watch {
    assert(!this.#closed, "the connection is open");
    const watch = new ControllerWatch({
      ...this.#options,
      clients: this.#clients,
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
    this.#clients.close();
  }

  #noteVersion(version: number): void {
    for (const watch of this.#watches) watch.versionExists(version);
  }

  async #call<T>(options: CallOptions, method: UnaryMethod<T>): Promise<T> {
    const { clock } = this.#options;
    const { signal } = options;
    const deadlineMs = clock.monotonicMs() + options.timeoutMs;
    const call: CallState = { attempts: 0, redirects: 0, lastError: undefined };
    try {
      if (signal?.aborted === true) throw new TryAgain(0, { cause: signal.reason });
      return await retryUntilDeadline(() => this.#attempt(call, deadlineMs, signal, method), {
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

  async #attempt<T>(
    call: CallState,
    deadlineMs: number,
    signal: AbortSignal | undefined,
    method: UnaryMethod<T>,
  ): Promise<T> {
    if (this.#closed) throw new ControllerUnavailable("the connection is closed");
    const { clock } = this.#options;
    const address = this.#leaderAddress ?? this.#clients.address(this.#nextIndex);
    const timeoutMs = Math.max(1, Math.min(ATTEMPT_TIMEOUT_MS, deadlineMs - clock.monotonicMs()));
    const deadline = new Date(clock.nowMs() + timeoutMs);
    try {
      const value = await unary<T>(signal, (callback) =>
        method(this.#clients.clientFor(address), new Metadata(), { deadline }, callback),
      );
      this.#leaderAddress = address;
      return value;
    } catch (error) {
      throw this.#verdict(call, address, error as ServiceError);
    }
  }

  /** What to do about a failed attempt: an error to throw, TryAgain among them. */
  #verdict(call: CallState, address: string, error: ServiceError): Error {
    call.attempts++;
    switch (error.code) {
      case status.INVALID_ARGUMENT:
      case status.UNIMPLEMENTED:
      case status.UNAUTHENTICATED:
      case status.PERMISSION_DENIED:
      case status.OUT_OF_RANGE:
        return new ControllerRefused(error.details, error.code, { cause: error });
      default:
    }
    const { random } = this.#options;
    const leader = error.metadata?.get(LEADER_TRAILER)[0]?.toString();
    // Others may have found the leader meanwhile: only what this attempt believed is given up.
    const isNews = this.#leaderAddress === undefined || this.#leaderAddress === address;
    if (error.code === status.FAILED_PRECONDITION && leader !== undefined && leader !== "" && leader !== address) {
      if (isNews) this.#leaderAddress = leader;
      call.redirects++;
      const delayMs = call.redirects <= REDIRECTS_AT_ONCE_MAX ? 0 : this.#backoff(call.redirects);
      return new TryAgain(delayMs, { cause: error });
    }
    if (isNews) {
      this.#leaderAddress = undefined;
      this.#nextIndex = (this.#nextIndex + 1) % this.#clients.addresses.length;
    }
    // The first round over all replicas is quick: one dead controller of three costs no wait.
    const isFirstRound = call.attempts < this.#clients.addresses.length;
    const delayMs = isFirstRound ? random.between(0, BACKOFF_MIN_MS) : this.#backoff(call.attempts);
    return new TryAgain(delayMs, { cause: error });
  }

  #backoff(attempts: number): number {
    return backoffMs(this.#options.random, attempts, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
  }
}

/** One unary call as a promise; the signal cancels it, and keeps no listener afterwards. */
function unary<T>(signal: AbortSignal | undefined, start: (callback: Callback<T>) => ClientUnaryCall): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => cancelSoon(call);
    const call = start((error, value) => {
      signal?.removeEventListener("abort", onAbort);
      if (error === null) resolve(value as T);
      else reject(error);
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
