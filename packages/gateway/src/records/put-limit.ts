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

/** Small and large puts each have a line, and a part of the room: a large one that waits for much of it holds no small one up. */
interface Lane {
  readonly line: Set<InLine>;
  /** Shares. */
  running: number;
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
/** So much of the room small puts have whatever large ones take: beside a few of 5 MiB there would be no place for anybody else. */
const SMALL_PART = 0.25;
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
  readonly #small: Lane = { line: new Set(), running: 0 };
  readonly #large: Lane = { line: new Set(), running: 0 };
  #atOnce: number;
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
    const lane = shares === 1 ? this.#small : this.#large;
    if (lane.line.size === 0 && this.#hasRoom(lane, shares)) lane.running += shares;
    else if (!(await this.#admitted(lane, shares))) {
      throw isRepetition ? serverBusy() : awsError("CLUSTER_RATE_EXCEEDED", {});
    }
    try {
      return await put();
    } finally {
      lane.running -= shares;
      this.#serveLines();
    }
  }

  /** What bodies may hold that are still on their way: those that are worked on, and as many for when they are done. */
  get bytesWanted(): number {
    return 2 * this.#atOnce * SHARE_BYTES;
  }

  /** Neither lane takes all from the other: small ones have their part, and of large ones, which may be larger than all room there is, one goes on. */
  #hasRoom(lane: Lane, shares: number): boolean {
    const free = this.#atOnce - this.#small.running - this.#large.running;
    if (shares <= free) return true;
    return lane === this.#small ? lane.running < Math.ceil(this.#atOnce * SMALL_PART) : lane.running === 0;
  }

  /** A put was stored, after so long. Those that are not say nothing: their shard may have no leader, and others are well. */
  stored(sizeBytes: number, tookMs: number): void {
    this.#fastestMs = Math.min(this.#fastestMs, tookMs);
    if (tookMs <= TARGET_MS) this.#atOnce = Math.min(this.#atOnceMax, this.#atOnce + sharesOf(sizeBytes));
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowSinceMs < WINDOW_MS) return;
    if (this.#fastestMs > TARGET_MS) {
      const used = Math.min(this.#atOnce, this.#small.running + this.#large.running);
      this.#atOnce = Math.max(this.#atOnceMin, Math.floor(used * SHRINK));
    }
    this.#fastestMs = Number.POSITIVE_INFINITY;
    this.#windowSinceMs = nowMs;
  }

  #admitted({ line }: Lane, shares: number): Promise<boolean> {
    return new Promise((resolve) => {
      const turn = (): void => {
        timer.cancel();
        resolve(true);
      };
      const waiting = { shares, turn };
      const timer = this.#clock.setTimer(WAIT_MS, () => {
        line.delete(waiting);
        resolve(false);
        // Smaller ones behind it may have the room that it had not.
        this.#serveLines();
      });
      line.add(waiting);
    });
  }

  #serveLines(): void {
    for (const lane of [this.#small, this.#large]) this.#serve(lane);
  }

  /** First come, first served. */
  #serve(lane: Lane): void {
    for (const waiting of lane.line) {
      if (!this.#hasRoom(lane, waiting.shares)) return;
      lane.line.delete(waiting);
      lane.running += waiting.shares;
      waiting.turn();
    }
  }
}

function sharesOf(sizeBytes: number): number {
  return 1 + Math.floor(sizeBytes / SHARE_BYTES);
}
