import type { Clock, Timer } from "./world.ts";

/** People do not notice; more is an error of a clock, not of how it was told. */
const TOLERANCE_MS = 5_000;
/** So long what was said is taken for certain enough to delete by it. */
const CONFIRMED_FOR_MS = 10_000;
/** An answer that took longer does not say what time it is. */
const ROUND_TRIP_MS_MAX = 1_000;

/**
 * A node's clock as long as it agrees with most of the cluster's, else the time that most of them have: a clock that is set wrong
 * must not make records expire, nor give them times that nobody can make sense of.
 */
export class ClusterClock implements Clock {
  readonly #own: Clock;
  /** The cluster's time minus our monotonic one. */
  #offsetMs: number | undefined;
  #heardAtMs = -Infinity;

  constructor(own: Clock) {
    this.#own = own;
  }

  /** False: nobody has confirmed our time lately. */
  get isConfirmed(): boolean {
    return this.#own.monotonicMs() - this.#heardAtMs <= CONFIRMED_FOR_MS;
  }

  /** How far our own wall clock is ahead of the cluster's; 0 while that is not known. */
  get skewMs(): number {
    if (this.#offsetMs === undefined) return 0;
    return this.#own.nowMs() - this.#own.monotonicMs() - this.#offsetMs;
  }

  /** What the controllers said that most clocks show, in an answer to what was asked at `askedAtMs` (monotonic). 0: nothing. */
  heard(clusterNowMs: number, askedAtMs: number): void {
    const nowMs = this.#own.monotonicMs();
    if (clusterNowMs === 0 || nowMs - askedAtMs > ROUND_TRIP_MS_MAX) return;
    this.#heardAtMs = nowMs;
    this.#offsetMs = clusterNowMs - (askedAtMs + nowMs) / 2;
  }

  nowMs(): number {
    const skewMs = this.skewMs;
    return Math.abs(skewMs) <= TOLERANCE_MS ? this.#own.nowMs() : Math.floor(this.#own.nowMs() - skewMs);
  }

  monotonicMs(): number {
    return this.#own.monotonicMs();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return this.#own.setTimer(delayMs, callback);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return this.#own.sleep(delayMs, signal);
  }
}
