import type { Lease, LeaseChange__Output } from "@millrace/proto";
import { assert, type MillraceError } from "@millrace/util";
import type { ShardView } from "../../stream-view.ts";
import { LeaseLost } from "../errors.ts";

interface Waiter {
  readonly promise: Promise<void>;
  stored(): void;
  lost(error: MillraceError): void;
}

export interface HeldLeaseOptions {
  readonly shard: ShardView;
  /** As it was when this worker took it. */
  readonly taken: Pick<Lease, "counter" | "nextOffset">;
  readonly validUntilMs: number;
  /** The shard is read and checkpointed to its end: its children wait for the controllers to know. */
  readonly onDone: () => void;
}

/**
 * One shard in one worker's hands, from when it was taken until it is lost, given back or done with. Taken again, it is another one.
 * When another worker claims it nothing more is handed out; it is given up when what was is checkpointed, or patience is at its end.
 */
export class HeldLease {
  readonly shard: ShardView;
  /** Where this worker begins. */
  readonly fromOffset: number;
  readonly #onDone: () => void;
  readonly #readingEnds = new AbortController();
  #isGone = false;
  /** When it is given up whatever was checkpointed; undefined unless another worker claims it. */
  #yieldAtMs: number | undefined;
  /** After the last record that the caller was given. */
  #handedOutOffset: number;
  #counter: number;
  #validUntilMs: number;
  /** When the change was sent whose outcome is not known; observers may have seen the counter move since then. */
  #attemptedMs: number | undefined;
  /** The first record that the caller is not done with, and what of that the controllers have. */
  #nextOffset: number;
  #storedOffset: number;
  /** After the last record of the shard; undefined until it has been read so far. */
  #endOffset: number | undefined;
  /** For checkpoints that no command has taken along yet: one promise for all of them, there may be one a record. */
  #waiter: Waiter | undefined;
  #sentWaiters: Waiter[] = [];

  constructor({ shard, taken, validUntilMs, onDone }: HeldLeaseOptions) {
    this.shard = shard;
    this.fromOffset = taken.nextOffset;
    this.#onDone = onDone;
    this.#counter = taken.counter;
    this.#validUntilMs = validUntilMs;
    this.#nextOffset = taken.nextOffset;
    this.#storedOffset = taken.nextOffset;
    this.#handedOutOffset = taken.nextOffset;
  }

  /** Aborts when no more of its records are wanted here. */
  get signal(): AbortSignal {
    return this.#readingEnds.signal;
  }

  /** It is not this worker's any more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** After that another worker may have it: it has seen the counter stand still for as long. */
  isValid(nowMs: number): boolean {
    return !this.#isGone && nowMs < this.#validUntilMs;
  }

  mayHandOut(nowMs: number): boolean {
    return this.isValid(nowMs) && this.#yieldAtMs === undefined;
  }

  /** Another worker waits for it, and nothing speaks against that any more. */
  isReadyToYield(nowMs: number): boolean {
    if (this.#yieldAtMs === undefined || this.isDone) return false;
    return nowMs >= this.#yieldAtMs || (!this.isDirty && this.#nextOffset >= this.#handedOutOffset);
  }

  get isDone(): boolean {
    return this.#endOffset !== undefined && this.#nextOffset >= this.#endOffset;
  }

  /** There is something that the controllers should know. */
  get isDirty(): boolean {
    return this.#nextOffset > this.#storedOffset || this.isDone;
  }

  // ---- for the caller

  /** The record there, and all before it in the shard, are done with. Resolves when the controllers have it. @throws LeaseLost */
  checkpoint(offset: number): Promise<void> {
    if (offset < this.#storedOffset) return Promise.resolve();
    if (this.#isGone) return quiet(Promise.reject(this.#lost()));
    const wasDone = this.isDone;
    this.#nextOffset = Math.max(this.#nextOffset, offset + 1);
    if (this.isDone && !wasDone) this.#onDone();
    this.#waiter ??= makeWaiter();
    return this.#waiter.promise;
  }

  /** The caller has the records before `endOffset` now. */
  handedOut(endOffset: number): void {
    this.#handedOutOffset = Math.max(this.#handedOutOffset, endOffset);
  }

  /** No record of the shard comes at or after `endOffset`. */
  ended(endOffset: number): void {
    this.#endOffset = endOffset;
    if (this.isDone) this.#onDone();
  }

  // ---- for the keeper

  /** The next change to be sent: it renews the lease, whatever else it does. */
  takeChange(nowMs: number, release: boolean): LeaseChange__Output {
    this.#attemptedMs ??= nowMs;
    if (this.#waiter !== undefined) this.#sentWaiters.push(this.#waiter);
    this.#waiter = undefined;
    return {
      shardNumber: this.shard.shard.number,
      counter: this.#counter,
      nextOffset: this.#nextOffset,
      done: this.isDone,
      release,
      claim: false,
    };
  }

  /** Another worker claims it, or there are records of it that the caller was not given. */
  yieldWithin(patienceMs: number, nowMs: number): void {
    this.#yieldAtMs ??= nowMs + patienceMs;
    this.#readingEnds.abort();
  }

  /** The controllers took it. */
  accepted({ nextOffset, done, release }: LeaseChange__Output, leaseDurationMs: number): void {
    assert(this.#attemptedMs !== undefined, "an answer has a question");
    this.#counter++;
    this.#validUntilMs = this.#attemptedMs + leaseDurationMs;
    this.#attemptedMs = undefined;
    this.#storedOffset = nextOffset;
    for (const waiter of this.#sentWaiters.splice(0)) waiter.stored();
    if (done || release) this.lose();
  }

  /**
   * How the lease was found after a change of unknown outcome. False: it is not ours any more. When that change had been made, its
   * answer is lost: the same is sent once more.
   */
  isStillOurs({ owner, counter, done }: Lease, worker: string): boolean {
    if (done && this.isDone && counter === this.#counter + 1) {
      for (const waiter of this.#sentWaiters.splice(0)) waiter.stored();
      return false;
    }
    if (owner !== worker) return false;
    if (counter === this.#counter) return true;
    if (this.#attemptedMs === undefined || counter !== this.#counter + 1) return false;
    this.#counter = counter;
    this.#attemptedMs = undefined;
    return true;
  }

  /** Whoever still waits for a checkpoint is told that it was not taken. */
  lose(error: MillraceError = this.#lost()): void {
    this.#isGone = true;
    this.#readingEnds.abort();
    for (const waiter of this.#sentWaiters.splice(0)) waiter.lost(error);
    this.#waiter?.lost(error);
    this.#waiter = undefined;
  }

  #lost(): MillraceError {
    return new LeaseLost(this.shard.shardId);
  }
}

function makeWaiter(): Waiter {
  let settle: Pick<Waiter, "stored" | "lost"> | undefined;
  const promise = new Promise<void>((stored, lost) => {
    settle = { stored, lost };
  });
  return { promise: quiet(promise), ...(settle as unknown as Pick<Waiter, "stored" | "lost">) };
}

/** Who does not wait for a checkpoint does not want to hear of it: its failure ends no process. */
function quiet(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}
