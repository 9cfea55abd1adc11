import type { MetadataUpdate__Output } from "@millrace/proto";
import type { Clock, Logger, Random, Timer } from "@millrace/util";
import type { ControllerChannels } from "./controller-channels.ts";
import { backoffMs } from "./retry.ts";
import type { Watch } from "./types.ts";

export interface ControllerWatchOptions {
  readonly channels: ControllerChannels;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onUpdate: (update: MetadataUpdate__Output) => void;
  readonly onClose: () => void;
}

/**
 * A replica that has said nothing at all by then is left: watchers are sent what they lack, or a sign of life, at once. Connecting
 * is part of it: a machine without power does not even refuse, and the others are up to date meanwhile.
 */
const FIRST_UPDATE_TIMEOUT_MS = 3_000;
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
  #call: WatchCall | undefined;
  #timer: Timer | undefined;
  #behindTimer: Timer | undefined;
  #knownVersion = 0;
  #clusterId = "";
  #failures = 0;
  #closed = false;

  constructor(options: ControllerWatchOptions) {
    this.#options = options;
    // Watchers spread over the replicas.
    this.#index = options.random.between(0, options.channels.addresses.length - 1);
  }

  start(): void {
    if (this.#closed) return;
    const { channels, clock } = this.#options;
    const channel = channels.channelTo(channels.address(this.#index));
    const request = { knownVersion: this.#knownVersion, clusterId: this.#clusterId };
    const call: WatchCall = channel.watch(request, {
      update: (update) => this.#take(call, update),
      ended: (why) => this.#ended(call, why),
    });
    this.#call = call;
    this.#timer = clock.setTimer(FIRST_UPDATE_TIMEOUT_MS, () => this.#leave(call, "no first update"));
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
    this.#call?.cancel();
    this.#call = undefined;
    this.#options.onClose();
  }

  #take(call: WatchCall, update: MetadataUpdate__Output): void {
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

  #leave(call: WatchCall, why: string): void {
    if (call !== this.#call) return;
    this.#options.logger.warn(
      { controller: this.#options.channels.address(this.#index) },
      `leaving a controller: ${why}`,
    );
    call.cancel();
    this.#ended(call, why);
  }

  #ended(call: WatchCall, why: string): void {
    if (call !== this.#call || this.#closed) return;
    const { channels, clock, random, logger } = this.#options;
    this.#call = undefined;
    this.#cancelTimers();
    logger.debug({ controller: channels.address(this.#index), why }, "a watch ended");
    this.#index++;
    this.#failures++;
    // Plain timers, not a retry helper: this goes on for the life of the process, and keeps nothing of the past.
    const isFirstRound = this.#failures < channels.addresses.length;
    const delayMs = isFirstRound ? 0 : backoffMs(random, this.#failures, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
    this.#timer = clock.setTimer(delayMs, () => this.start());
  }

  #cancelTimers(): void {
    this.#timer?.cancel();
    this.#behindTimer?.cancel();
    this.#behindTimer = undefined;
  }
}

interface WatchCall {
  cancel(): void;
}
