import type { Clock } from "@millrace/util";

/** So much may be sent at once after a rest. */
const BURST_MS = 100;

/**
 * How fast a node sends old entries, those that its disk must bring, to all peers together: a replica that is filled again must not
 * take the disk and the network from those that write now.
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

  /** After `bytes` were sent. Resolves when more may be. */
  async sent(bytes: number): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    this.#paidAtMs = Math.max(this.#paidAtMs, nowMs) + bytes / this.#bytesPerMs;
    const waitMs = this.#paidAtMs - nowMs - BURST_MS;
    if (waitMs > 0) await this.#clock.sleep(waitMs);
  }
}
