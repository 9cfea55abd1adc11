import { assert } from "@millrace/util";
import type { LogSummary, TermRun } from "@millrace/raft";

/** Which indexes and terms a group's log has: no payloads, a few numbers however long the log. */
export class LogShape {
  #truncatedIndex = 0;
  #truncatedTerm = 0;
  #lastIndex = 0;
  #runs: TermRun[] = [];

  static of(summary: LogSummary): LogShape {
    const shape = new LogShape();
    shape.#truncatedIndex = summary.truncatedIndex;
    shape.#truncatedTerm = summary.truncatedTerm;
    shape.#lastIndex = summary.lastIndex;
    shape.#runs = [...summary.termRuns];
    return shape;
  }

  get truncatedIndex(): number {
    return this.#truncatedIndex;
  }

  get truncatedTerm(): number {
    return this.#truncatedTerm;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get lastTerm(): number {
    return this.#runs.at(-1)?.term ?? this.#truncatedTerm;
  }

  summary(): LogSummary {
    return {
      truncatedIndex: this.#truncatedIndex,
      truncatedTerm: this.#truncatedTerm,
      lastIndex: this.#lastIndex,
      termRuns: [...this.#runs],
    };
  }

  /** Term of a held entry or of the truncation point; undefined outside. */
  termAt(index: number): number | undefined {
    if (index === this.#truncatedIndex) return this.#truncatedTerm;
    if (index < this.#truncatedIndex || index > this.#lastIndex) return undefined;
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#runs[middle] as TermRun).fromIndex <= index) low = middle;
      else high = middle - 1;
    }
    return this.#runs[low]?.term;
  }

  append(index: number, term: number): void {
    assert(index === this.#lastIndex + 1, "appends are contiguous");
    if (this.#runs.at(-1)?.term !== term) this.#runs.push({ fromIndex: index, term });
    this.#lastIndex = index;
  }

  /** Drops every entry after `lastIndex`. */
  truncateSuffix(lastIndex: number): void {
    assert(lastIndex >= this.#truncatedIndex, "what is truncated away cannot be cut again");
    if (lastIndex >= this.#lastIndex) return;
    this.#lastIndex = lastIndex;
    while ((this.#runs.at(-1)?.fromIndex ?? 0) > lastIndex) this.#runs.pop();
  }

  /** The log begins after `index`; entries after it stay. At or below the present beginning: no effect. */
  truncatePrefix(index: number, term: number): void {
    if (index <= this.#truncatedIndex) return;
    if (index >= this.#lastIndex) {
      this.reset(index, term);
      return;
    }
    let first = 0;
    while (first + 1 < this.#runs.length && (this.#runs[first + 1] as TermRun).fromIndex <= index + 1) first++;
    const head = this.#runs[first];
    // No runs: recovery has not found the terms yet.
    this.#runs = head === undefined ? [] : [{ fromIndex: index + 1, term: head.term }, ...this.#runs.slice(first + 1)];
    this.#truncatedIndex = index;
    this.#truncatedTerm = term;
  }

  /** An empty log that begins after `index`. */
  reset(index: number, term: number): void {
    this.#truncatedIndex = index;
    this.#truncatedTerm = term;
    this.#lastIndex = index;
    this.#runs = [];
  }

  /** For recovery, where the terms become known only later. */
  replaceTermRuns(lastIndex: number, runs: readonly TermRun[]): void {
    this.#lastIndex = lastIndex;
    this.#runs = [...runs];
  }
}
