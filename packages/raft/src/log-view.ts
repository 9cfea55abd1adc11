import { assert } from "./assert.ts";
import type { LogSummary, TermRun } from "./types.ts";

/**
 * What the core knows of its own log: no payloads, only where each term begins. A log of millions of entries is a few
 * numbers here.
 *
 * Invariants: truncatedIndex <= lastIndex; persistedIndex <= lastIndex; runs ascend strictly in index and in term.
 */
export class LogView {
  #truncatedIndex: number;
  #truncatedTerm: number;
  #lastIndex: number;
  #lastTerm: number;
  /** Everything up to here is durable. Lower than `truncatedIndex` only while a snapshot is being written. */
  #persistedIndex: number;
  readonly #runs: TermRun[];

  constructor(summary: LogSummary) {
    this.#truncatedIndex = summary.truncatedIndex;
    this.#truncatedTerm = summary.truncatedTerm;
    this.#lastIndex = summary.lastIndex;
    this.#persistedIndex = summary.lastIndex;
    this.#runs = summary.termRuns.map(({ fromIndex, term }) => ({ fromIndex, term }));
    assert(this.#truncatedIndex <= this.#lastIndex, "a log ends where it was truncated or later");
    assert((this.#runs.length === 0) === (this.#truncatedIndex === this.#lastIndex), "runs cover the log");
    let term = this.#truncatedTerm;
    let indexMin = this.#truncatedIndex + 1;
    for (const run of this.#runs) {
      assert(run.fromIndex >= indexMin && run.term >= term, "term runs ascend");
      term = run.term;
      indexMin = run.fromIndex + 1;
    }
    assert(indexMin <= this.#lastIndex + 1, "the last run starts inside the log");
    const first = this.#runs[0];
    assert(first === undefined || first.fromIndex === this.#truncatedIndex + 1, "the first run starts the log");
    this.#lastTerm = term;
  }

  get truncatedIndex(): number {
    return this.#truncatedIndex;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get lastTerm(): number {
    return this.#lastTerm;
  }

  get persistedIndex(): number {
    return this.#persistedIndex;
  }

  /** Undefined: truncated away, or not there yet. */
  termAt(index: number): number | undefined {
    if (index > this.#lastIndex || index < this.#truncatedIndex) return undefined;
    if (index === this.#lastIndex) return this.#lastTerm;
    if (index === this.#truncatedIndex) return this.#truncatedTerm;
    return this.#runAt(index).term;
  }

  holds(index: number, term: number): boolean {
    return this.termAt(index) === term;
  }

  /** Is a log that ends there at least as good as this one? (Raft paper, 5.4.1) */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.#lastTerm || (lastTerm === this.#lastTerm && lastIndex >= this.#lastIndex);
  }

  /** Adds one entry at lastIndex + 1. */
  append(term: number): void {
    assert(term >= this.#lastTerm, "terms never decrease along a log");
    this.#lastIndex++;
    // After a snapshot the log is empty while its last term is known: the first entry opens a run in any case.
    if (term > this.#lastTerm || this.#runs.length === 0) this.#runs.push({ fromIndex: this.#lastIndex, term });
    this.#lastTerm = term;
  }

  /** Drops `fromIndex` and everything after it. */
  truncateSuffix(fromIndex: number): void {
    assert(fromIndex > this.#truncatedIndex, "what was truncated away is committed");
    if (fromIndex > this.#lastIndex) return;
    this.#lastIndex = fromIndex - 1;
    this.#persistedIndex = Math.min(this.#persistedIndex, this.#lastIndex);
    while (this.#runs.length > 0 && (this.#runs.at(-1) as TermRun).fromIndex >= fromIndex) this.#runs.pop();
    this.#lastTerm = this.#runs.at(-1)?.term ?? this.#truncatedTerm;
  }

  /** The log begins after `index` now; what follows stays. */
  truncatePrefix(index: number, term: number): void {
    if (index <= this.#truncatedIndex) return;
    assert(this.holds(index, term), "a log is truncated at an entry that it holds");
    let passed = 0;
    while (passed < this.#runs.length && (this.#runs[passed] as TermRun).fromIndex <= index + 1) passed++;
    const straddling = this.#runs[passed - 1] as TermRun;
    this.#runs.splice(0, passed);
    if (index < this.#lastIndex) this.#runs.unshift({ fromIndex: index + 1, term: straddling.term });
    this.#truncatedIndex = index;
    this.#truncatedTerm = term;
  }

  /** A snapshot replaces everything. Nothing of the new log is durable yet. */
  reset(index: number, term: number): void {
    this.#truncatedIndex = index;
    this.#truncatedTerm = term;
    this.#lastIndex = index;
    this.#lastTerm = term;
    this.#persistedIndex = 0;
    this.#runs.length = 0;
  }

  /** False for a callback about entries that were replaced since: they are no longer this log's. */
  markPersisted(index: number, term: number): boolean {
    if (index <= this.#persistedIndex || !this.holds(index, term)) return false;
    this.#persistedIndex = index;
    return true;
  }

  markSnapshotPersisted(index: number): void {
    if (index > this.#truncatedIndex) return; // a later snapshot's write is its own news
    this.#persistedIndex = Math.max(this.#persistedIndex, index);
  }

  /**
   * The last index at or below `index` whose term is at most `term`: in two logs that disagree at `index`, nothing
   * above it can be common. The truncation point is the floor.
   */
  lastIndexOfTermAtMost(index: number, term: number): number {
    let candidate = Math.min(index, this.#lastIndex);
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i] as TermRun;
      if (run.fromIndex > candidate) continue;
      if (run.term <= term) return candidate;
      candidate = run.fromIndex - 1;
    }
    return Math.max(Math.min(candidate, this.#lastIndex), this.#truncatedIndex);
  }

  #runAt(index: number): TermRun {
    // From the end: questions are nearly always about the newest entries, and runs are few.
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i] as TermRun;
      if (run.fromIndex <= index) return run;
    }
    assert(false, "the runs cover every index inside the log");
  }
}
