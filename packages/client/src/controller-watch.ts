import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import type { MetadataUpdate__Output } from "@millrace/proto";
import { type Clock, errorMessage, type Logger, type Random, type Timer } from "@millrace/util";
import { cancelSoon } from "./cancel-soon.ts";
import type { ControllerClients } from "./controller-clients.ts";
import { backoffMs } from "./retry.ts";
import type { Watch } from "./types.ts";

export interface ControllerWatchOptions {
  readonly clients: ControllerClients;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onUpdate: (update: MetadataUpdate__Output) => void;
  readonly onClose: () => void;
}

/** A replica that has said nothing at all by then is left: new watchers are sent the whole metadata at once. */
const FIRST_UPDATE_TIMEOUT_MS = 5_000;
/** A replica that does not have a version which another one answered with, for so long, is cut off from its leader. */
const BEHIND_TIMEOUT_MS = 3_000;
const BACKOFF_MIN_MS = 20;
const BACKOFF_MAX_MS = 1_000;

/**
 * The metadata as one endless stream, from whichever replica answers. Versions only grow: what a replica that lags
 * behind repeats is dropped. A dead connection is noticed by gRPC's keepalive; an update that repeats the known version
 * is a sign of life and nothing else.
 */
export class ControllerWatch implements Watch {
  readonly #options: ControllerWatchOptions;
  #index: number;
  #call: ClientReadableStream<MetadataUpdate__Output> | undefined;
  #timer: Timer | undefined;
  #behindTimer: Timer | undefined;
  #knownVersion = 0;
  #clusterId = "";
  #failures = 0;
  #closed = false;

  constructor(options: ControllerWatchOptions) {
    this.#options = options;
    // Watchers spread over the replicas.
    this.#index = options.random.between(0, options.clients.addresses.length - 1);
  }

  start(): void {
    if (this.#closed) return;
    const { clients, clock } = this.#options;
    const client = clients.clientFor(clients.address(this.#index));
    const call = client.watch({ knownVersion: this.#knownVersion, clusterId: this.#clusterId });
    this.#call = call;
    call.on("data", (update: MetadataUpdate__Output) => this.#take(call, update));
    call.on("error", (error: ServiceError) => this.#ended(call, error));
    call.on("end", () => this.#ended(call, undefined));
    if (this.#knownVersion === 0) {
      this.#timer = clock.setTimer(FIRST_UPDATE_TIMEOUT_MS, () => this.#leave(call, "no first update"));
    }
  }

  /** Some replica has `version`: the one that is watched must have it soon. */
  versionExists(version: number): void {
    if (version <= this.#knownVersion || this.#behindTimer !== undefined || this.#closed) return;
    this.#behindTimer = this.#options.clock.setTimer(BEHIND_TIMEOUT_MS, () => {
      this.#behindTimer = undefined;
      if (this.#knownVersion < version && this.#call !== undefined) this.#leave(this.#call, "behind the others");
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimers();
    const call = this.#call;
    this.#call = undefined;
    cancelSoon(call);
    this.#options.onClose();
  }

  #take(call: ClientReadableStream<MetadataUpdate__Output>, update: MetadataUpdate__Output): void {
    if (call !== this.#call) return;
    const clusterId = update.cluster?.clusterId ?? "";
    if (clusterId !== "" && this.#clusterId !== "" && clusterId !== this.#clusterId) {
      this.#leave(call, `it belongs to cluster ${clusterId}, not to ${this.#clusterId}`);
      return;
    }
    this.#timer?.cancel();
    this.#failures = 0;
    if (update.version <= this.#knownVersion) return;
    this.#knownVersion = update.version;
    if (clusterId !== "") this.#clusterId = clusterId;
    try {
      this.#options.onUpdate(update);
    } catch (error) {
      // A listener's mistake must not end the stream of updates for everybody else.
      this.#options.logger.error({ err: error, version: update.version }, "a metadata update was not taken");
    }
  }

  #leave(call: ClientReadableStream<MetadataUpdate__Output>, why: string): void {
    if (call !== this.#call) return;
    this.#options.logger.warn(
      { controller: this.#options.clients.address(this.#index) },
      `leaving a controller: ${why}`,
    );
    cancelSoon(call);
    this.#ended(call, undefined);
  }

  #ended(call: ClientReadableStream<MetadataUpdate__Output>, error: ServiceError | undefined): void {
    if (call !== this.#call || this.#closed) return;
    const { clients, clock, random, logger } = this.#options;
    this.#call = undefined;
    this.#cancelTimers();
    if (error !== undefined) logger.debug({ controller: clients.address(this.#index) }, errorMessage(error));
    this.#index++;
    this.#failures++;
    // Plain timers, not a retry helper: this goes on for the life of the process, and keeps nothing of the past.
    const isFirstRound = this.#failures < clients.addresses.length;
    const delayMs = isFirstRound ? 0 : backoffMs(random, this.#failures, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
    this.#timer = clock.setTimer(delayMs, () => this.start());
  }

  #cancelTimers(): void {
    this.#timer?.cancel();
    this.#behindTimer?.cancel();
    this.#behindTimer = undefined;
  }
}
