import type { Outbox } from "./outbox.ts";

/**
 * ReadIndex (thesis, 6.4): a read may be answered from everything that was committed when it came, once a quorum has
 * confirmed after that that this replica still leads. Reads that come while a round is on its way share the next one.
 */
export class ReadRounds {
  readonly #outbox: Outbox;
  #waiting: number[] = [];
  #inRound: number[] = [];
  #readIndex = 0;
  /** The current round's number; 0 before the first. */
  context = 0;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  get isRoundOpen(): boolean {
    return this.#inRound.length > 0;
  }

  get isPending(): boolean {
    return this.#inRound.length > 0 || this.#waiting.length > 0;
  }

  add(requestId: number): void {
    this.#waiting.push(requestId);
  }

  /** False: a round is on its way already, or nobody waits. */
  startRound(commitIndex: number): boolean {
    if (this.isRoundOpen || this.#waiting.length === 0) return false;
    this.#inRound = this.#waiting;
    this.#waiting = [];
    this.#readIndex = commitIndex;
    this.context++;
    return true;
  }

  confirm(): void {
    for (const requestId of this.#inRound) this.#outbox.readAnswered({ requestId, readIndex: this.#readIndex });
    this.#inRound = [];
  }

  drop(): void {
    for (const requestId of this.#inRound) this.#outbox.readDropped(requestId);
    for (const requestId of this.#waiting) this.#outbox.readDropped(requestId);
    this.#inRound = [];
    this.#waiting = [];
  }
}
