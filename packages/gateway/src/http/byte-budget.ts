import type { Clock } from "@millrace/util";
import { assert } from "@millrace/util";

interface Waiter {
  readonly bytes: number;
  readonly settle: (permit: BytePermit | undefined) => void;
}

export interface SmallRequests {
  /** Of a body that counts as small. */
  readonly sizeBytesMax: number;
  /** What is kept free for them. */
  readonly reservedBytes: number;
  /** What large ones may hold just now, one of them apart: more than is worked on soon would come over the wire to be refused. */
  readonly largeBytesNow?: () => number;
}

/**
 * Bounds the bytes of request bodies held at once, over all connections. Who finds it exhausted waits in line for a
 * moment, while its data stays in the client's socket; the line is as long as there are requests in flight. Small requests have room of
 * their own and a line of their own: they need not wait until megabytes of others have come over the wire.
 */
export class ByteBudget {
  readonly limitBytes: number;
  readonly #clock: Clock;
  readonly #small: SmallRequests;
  readonly #smallWaiters = new Set<Waiter>();
  readonly #waiters = new Set<Waiter>();
  #usedBytes = 0;
  #usedByLargeBytes = 0;

  constructor(limitBytes: number, clock: Clock, small: SmallRequests = NO_SMALL_REQUESTS) {
    assert(small.reservedBytes < limitBytes, "there is room for large requests as well");
    this.limitBytes = limitBytes;
    this.#clock = clock;
    this.#small = small;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Resolves to `undefined` when there was no room in time, or the signal aborted. */
  take(bytes: number, waitMs: number, signal: AbortSignal): Promise<BytePermit | undefined> {
    const isSmall = bytes <= this.#small.sizeBytesMax;
    const waiters = isSmall ? this.#smallWaiters : this.#waiters;
    const limitBytes = isSmall ? this.limitBytes : this.#limitOfLarge;
    if (signal.aborted || bytes > limitBytes) return Promise.resolve(undefined);
    if (waiters.size === 0 && this.#hasRoom(bytes, isSmall)) return Promise.resolve(this.#grant(bytes, isSmall));
    return new Promise((resolve) => {
      const settle = (permit: BytePermit | undefined): void => {
        waiters.delete(waiter);
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
      waiters.add(waiter);
    });
  }

  get #limitOfLarge(): number {
    return this.limitBytes - this.#small.reservedBytes;
  }

  #hasRoom(bytes: number, isSmall: boolean): boolean {
    if (isSmall) return this.#usedBytes + bytes <= this.limitBytes;
    if (this.#usedBytes + bytes > this.#limitOfLarge) return false;
    const largeBytesMax = this.#small.largeBytesNow?.() ?? Number.POSITIVE_INFINITY;
    return this.#usedByLargeBytes === 0 || this.#usedByLargeBytes + bytes <= largeBytesMax;
  }

  #grant(bytes: number, isSmall: boolean): BytePermit {
    this.#usedBytes += bytes;
    if (!isSmall) this.#usedByLargeBytes += bytes;
    let isReleased = false;
    return {
      bytes,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#usedBytes -= bytes;
        if (!isSmall) this.#usedByLargeBytes -= bytes;
        assert(this.#usedBytes >= 0, "no byte is given back twice");
        this.#serveWaiters();
      },
    };
  }

  #serveWaiters(): void {
    this.#serve(this.#smallWaiters, true);
    this.#serve(this.#waiters, false);
  }

  /** First come, first served: a large request is not starved by smaller ones. */
  #serve(waiters: Set<Waiter>, isSmall: boolean): void {
    for (const waiter of waiters) {
      if (!this.#hasRoom(waiter.bytes, isSmall)) return;
      waiters.delete(waiter);
      waiter.settle(this.#grant(waiter.bytes, isSmall));
    }
  }
}

const NO_SMALL_REQUESTS: SmallRequests = { sizeBytesMax: 0, reservedBytes: 0 };

export interface BytePermit {
  readonly bytes: number;
  /** Further calls do nothing. */
  release(): void;
}
