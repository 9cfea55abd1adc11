import type { Clock } from "@millrace/util";
import { assert } from "@millrace/util";

interface Waiter {
  readonly bytes: number;
  readonly settle: (permit: BytePermit | undefined) => void;
}

/**
 * Bounds the bytes of request bodies held at once, over all connections. Who finds it exhausted waits in line for a
 * moment, while its data stays in the client's socket; the line is as long as there are requests in flight.
 */
export class ByteBudget {
  readonly limitBytes: number;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #usedBytes = 0;

  constructor(limitBytes: number, clock: Clock) {
    this.limitBytes = limitBytes;
    this.#clock = clock;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Resolves to `undefined` when there was no room in time, or the signal aborted. */
  take(bytes: number, waitMs: number, signal: AbortSignal): Promise<BytePermit | undefined> {
    if (signal.aborted || bytes > this.limitBytes) return Promise.resolve(undefined);
    if (this.#waiters.size === 0 && this.#usedBytes + bytes <= this.limitBytes) {
      return Promise.resolve(this.#grant(bytes));
    }
    return new Promise((resolve) => {
      const settle = (permit: BytePermit | undefined): void => {
        this.#waiters.delete(waiter);
        timer.cancel();
        signal.removeEventListener("abort", giveUp);
        resolve(permit);
        // Whoever stood behind a large waiter may fit now.
        if (permit === undefined) this.#serveWaiters();
      };
      const giveUp = (): void => settle(undefined);
      const waiter: Waiter = { bytes, settle };
      const timer = this.#clock.setTimer(waitMs, giveUp);
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiters.add(waiter);
    });
  }

  #grant(bytes: number): BytePermit {
    this.#usedBytes += bytes;
    let isReleased = false;
    return {
      bytes,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#usedBytes -= bytes;
        assert(this.#usedBytes >= 0, "no byte is given back twice");
        this.#serveWaiters();
      },
    };
  }

  /** First come, first served: a large request is not starved by small ones. */
  #serveWaiters(): void {
    for (const waiter of this.#waiters) {
      if (this.#usedBytes + waiter.bytes > this.limitBytes) return;
      this.#waiters.delete(waiter);
      waiter.settle(this.#grant(waiter.bytes));
    }
  }
}

export interface BytePermit {
  readonly bytes: number;
  /** Further calls do nothing. */
  release(): void;
}
