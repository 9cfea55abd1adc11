import type { Clock } from "@millrace/util";

/** So much may be sent at once after a rest. */
const BURST_MS = 100;
/** Of old entries for one that is new: two replicas that are behind come nearer, each twice as fast as the log grows. */
const OLD_PER_NEW = 4;

/**
 * How fast a node sends old entries, those that its disk must bring, to all peers together: a replica that is filled again must not
 * take the disk and the network from those that write now. But never so slowly that what is written now runs away from it.
 */
export class CatchUpPace {
  readonly #clock: Clock;
  readonly #bytesPerMs: number;
  /** Monotonic ms when all that was sent is paid for. */
  #paidAtMs = -Infinity;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerMs = bytesPerSecond / 1_000;
  }

  /** `bytes` of entries went to a peer that keeps up. */
  sentNew(bytes: number): void {
    this.#paidAtMs -= (OLD_PER_NEW * bytes) / this.#bytesPerMs;
  }

  /** After `bytes` were sent. Resolves when more may be. */
  async sent(bytes: number): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    this.#paidAtMs = Math.max(this.#paidAtMs, nowMs) + bytes / this.#bytesPerMs;
    const waitMs = this.#paidAtMs - nowMs - BURST_MS;
    if (waitMs > 0) await this.#clock.sleep(waitMs);
  }
}
