import { type Clock, KIB } from "@millrace/util";
import { awsError, serverBusy } from "../errors.ts";

export interface PutLimitOptions {
  readonly clock: Clock;
  /** Shares, as many as a gateway has requests. */
  readonly atOnceMax?: number;
  readonly atOnceMin?: number;
}

export interface PutToCome {
  readonly sizeBytes: number;
  readonly isRepetition: boolean;
}

interface InLine {
  readonly shares: number;
  readonly turn: () => void;
}

const AT_ONCE_MAX = 4_096;
/** Before anything is known: each put that is stored in time makes room for as much again, so that twice as many follow the first ones. */
const AT_ONCE_FIRST = 128;
/** What no slow disk takes away. */
const AT_ONCE_MIN = 32;
/**
 * When even the fastest takes longer, work piles up. Below the second after which a router takes a broker's silence for its death and
 * sends a batch again, to brokers that have too much to do as it is.
 */
const TARGET_MS = 500;
const WINDOW_MS = 200;
const SHRINK = 0.9;
/** A put has one share, and one more for each of these: what is slow about large ones is their bytes. */
const SHARE_BYTES = 256 * KIB;
/** In line; then the client is told to come again, while it is still there to hear it. */
const WAIT_MS = 1_000;

/**
 * How many puts are worked on at a time, large ones counted as many. More than the cluster can do make every one of them late, in the
 * end too late to be of use to anybody: then as many as it does within half a second are taken, and the others are refused before they
 * have cost much. The fastest put counts, not the mean: a shard without a leader delays its own, a cluster that is behind delays all.
 */
export class PutLimit {
  readonly #clock: Clock;
  readonly #atOnceMin: number;
  readonly #atOnceMax: number;
  readonly #line = new Set<InLine>();
  #atOnce: number;
  #running = 0;
  #fastestMs = Number.POSITIVE_INFINITY;
  #windowSinceMs: number;

  constructor({ clock, atOnceMin = AT_ONCE_MIN, atOnceMax = AT_ONCE_MAX }: PutLimitOptions) {
    this.#clock = clock;
    this.#atOnceMin = atOnceMin;
    this.#atOnceMax = atOnceMax;
    this.#atOnce = Math.min(AT_ONCE_FIRST, atOnceMax);
    this.#windowSinceMs = clock.monotonicMs();
  }

  /** The limit of this moment. */
  get atOnce(): number {
    return this.#atOnce;
  }

  /**
   * @throws AwsError CLUSTER_RATE_EXCEEDED: nothing is stored, there was no room in time. UNAVAILABLE: nor was there for a repetition,
   *   and an earlier attempt may have stored something
   */
  async run<T>({ sizeBytes, isRepetition }: PutToCome, put: () => Promise<T>): Promise<T> {
    const shares = sharesOf(sizeBytes);
    if (this.#line.size === 0 && this.#hasRoom(shares)) this.#running += shares;
    else if (!(await this.#admitted(shares))) {
      throw isRepetition ? serverBusy() : awsError("CLUSTER_RATE_EXCEEDED", {});
    }
    try {
      return await put();
    } finally {
      this.#running -= shares;
      this.#serveLine();
    }
  }

  /** What is larger than all room there is gets it alone. */
  #hasRoom(shares: number): boolean {
    return this.#running === 0 || this.#running + shares <= this.#atOnce;
  }

  /** A put was stored, after so long. Those that are not say nothing: their shard may have no leader, and others are well. */
  stored(sizeBytes: number, tookMs: number): void {
    this.#fastestMs = Math.min(this.#fastestMs, tookMs);
    if (tookMs <= TARGET_MS) this.#atOnce = Math.min(this.#atOnceMax, this.#atOnce + sharesOf(sizeBytes));
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowSinceMs < WINDOW_MS) return;
    if (this.#fastestMs > TARGET_MS) {
      const used = Math.min(this.#atOnce, this.#running);
      this.#atOnce = Math.max(this.#atOnceMin, Math.floor(used * SHRINK));
    }
    this.#fastestMs = Number.POSITIVE_INFINITY;
    this.#windowSinceMs = nowMs;
  }

  #admitted(shares: number): Promise<boolean> {
    return new Promise((resolve) => {
      const turn = (): void => {
        timer.cancel();
        resolve(true);
      };
      const waiting = { shares, turn };
      const timer = this.#clock.setTimer(WAIT_MS, () => {
        this.#line.delete(waiting);
        resolve(false);
        // Smaller ones behind it may have the room that it had not.
        this.#serveLine();
      });
      this.#line.add(waiting);
    });
  }

  /** First come, first served. */
  #serveLine(): void {
    for (const waiting of this.#line) {
      if (!this.#hasRoom(waiting.shares)) return;
      this.#line.delete(waiting);
      this.#running += waiting.shares;
      waiting.turn();
    }
  }
}

function sharesOf(sizeBytes: number): number {
  return 1 + Math.floor(sizeBytes / SHARE_BYTES);
}
