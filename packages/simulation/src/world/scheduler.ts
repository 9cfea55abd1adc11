import { assert } from "@millrace/util";
import { drainMicrotasks } from "./microtasks.ts";
import { TraceHash } from "./trace.ts";

/** Whose code an event runs. Its events die with it, and wait while it is stopped. */
export interface Owner {
  readonly name: string;
  /** Small, for the trace. */
  readonly number: number;
  isAlive: boolean;
  isPaused: boolean;
  /** How long it is busy with an event, which is 0 unless it has too little of a processor. */
  turnUs: number;
  /** When it is no longer busy. */
  turnEnd: ScheduledEvent | undefined;
  /** What came due while it was stopped or busy, in order. */
  readonly held: ScheduledEvent[];
}

export const EventKind = { timer: 1, disk: 2, deliver: 3, connection: 4, fault: 5, boot: 6, client: 7 } as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

export interface ScheduledEvent {
  atUs: number;
  sequence: number;
  readonly kind: EventKind;
  readonly owner: Owner;
  run: (() => void) | undefined;
  /** Not its own event, but the end of its turn: whether it is stopped or not. */
  readonly isTurnEnd?: boolean;
}

/** More looks at the clock than any turn needs: whoever waits for it to move on, in a turn, waits for ever. */
const CLOCK_READS_MAX = 1_000_000;

/** Something that nobody caught. */
export type UncaughtListener = (owner: Owner, error: unknown) => void;

/**
 * Virtual time. Events run one after another, each with all its microtasks; between two of them nothing happens. Ties are broken by
 * the order of scheduling.
 */
export class Scheduler {
  readonly trace = new TraceHash();
  readonly #heap: ScheduledEvent[] = [];
  readonly #immediates: { owner: Owner; run: () => void }[] = [];
  #sequence = 0;
  #clockReads = 0;
  nowUs = 0;
  /** Whose event is running. */
  current: Owner | undefined;
  onUncaught: UncaughtListener = (_owner, error) => {
    throw error;
  };
  /** A turn that would not end; what it does next is ended by an error. */
  onStandstill: (owner: Owner) => void = () => undefined;
  /** After each event, with whose it was. */
  afterEvent: (owner: Owner) => void = () => undefined;

  get nowMs(): number {
    return this.nowUs / 1_000;
  }

  /** Code that repeats something without a wait is found here: the machine that simulates it would never come back. */
  clockRead(owner: Owner): void {
    if (++this.#clockReads < CLOCK_READS_MAX) return;
    if (this.#clockReads === CLOCK_READS_MAX) this.onStandstill(owner);
    throw new Error(`${owner.name} looks at the clock again and again, and does not wait`);
  }

  schedule(delayUs: number, owner: Owner, kind: EventKind, run: () => void): ScheduledEvent {
    assert(delayUs >= 0, "nothing is scheduled into the past");
    const atUs = this.nowUs + Math.ceil(delayUs);
    const event = { atUs, sequence: this.#sequence++, kind, owner, run };
    this.#push(event);
    return event;
  }

  /** At the end of this turn: what `setImmediate` is for. */
  immediate(run: () => void): void {
    assert(this.current !== undefined, "only running code asks for a turn");
    this.#immediates.push({ owner: this.current, run });
  }

  cancel(event: ScheduledEvent): void {
    event.run = undefined;
  }

  /** It goes on: what it missed happens now, in order. */
  release(owner: Owner): void {
    if (owner.turnEnd !== undefined) this.cancel(owner.turnEnd);
    owner.turnEnd = undefined;
    const held = owner.held.splice(0);
    for (const event of held) {
      event.atUs = this.nowUs;
      event.sequence = this.#sequence++;
      this.#push(event);
    }
  }

  /** Runs code of `owner` now, with all that follows from it at once. From outside of any event only. */
  enter(owner: Owner, run: () => void): void {
    assert(this.current === undefined, "one event at a time");
    this.current = owner;
    try {
      run();
    } catch (error) {
      this.onUncaught(owner, error);
    }
    drainMicrotasks();
    for (let next = this.#immediates.shift(); next !== undefined; next = this.#immediates.shift()) {
      this.current = next.owner;
      if (next.owner.isAlive) {
        try {
          next.run();
        } catch (error) {
          this.onUncaught(next.owner, error);
        }
        drainMicrotasks();
      }
    }
    this.afterEvent(owner);
    this.current = undefined;
  }

  /** Runs what is due up to `atUs`, or until `isDone`. False when the time was over first. */
  runUntil(atUs: number, isDone: () => boolean = () => false): boolean {
    while (!isDone()) {
      const next = this.#heap[0];
      if (next === undefined || next.atUs > atUs) {
        this.nowUs = Math.max(this.nowUs, atUs);
        return false;
      }
      this.#pop();
      this.#run(next);
    }
    return true;
  }

  #run(event: ScheduledEvent): void {
    const { owner, run, kind } = event;
    if (run === undefined || !owner.isAlive) return;
    if (event.isTurnEnd === true) {
      this.#endTurn(owner, event.atUs);
      return;
    }
    if (owner.isPaused || owner.turnEnd !== undefined) {
      owner.held.push(event);
      return;
    }
    assert(event.atUs >= this.nowUs, "time does not go back");
    this.nowUs = event.atUs;
    this.#clockReads = 0;
    event.run = undefined;
    if (owner.turnUs > 0) this.#beginTurn(owner);
    this.trace.event(event.atUs, kind, owner.number);
    this.enter(owner, run);
  }

  #beginTurn(owner: Owner): void {
    const atUs = this.nowUs + owner.turnUs;
    owner.turnEnd = { atUs, sequence: this.#sequence++, kind: EventKind.timer, owner, run: () => {}, isTurnEnd: true };
    this.#push(owner.turnEnd);
  }

  #endTurn(owner: Owner, nowUs: number): void {
    owner.turnEnd = undefined;
    if (owner.isPaused) return;
    let next = owner.held.shift();
    while (next !== undefined && next.run === undefined) next = owner.held.shift();
    if (next === undefined) return;
    next.atUs = nowUs;
    this.#run(next);
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as ScheduledEvent;
      if (!isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as ScheduledEvent;
    const { length } = heap;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1] as ScheduledEvent, heap[child] as ScheduledEvent)) child++;
      const below = heap[child] as ScheduledEvent;
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: ScheduledEvent, other: ScheduledEvent): boolean {
  return one.atUs < other.atUs || (one.atUs === other.atUs && one.sequence < other.sequence);
}
