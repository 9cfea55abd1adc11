/** So many a second on average, and as many at once after a second of rest. */
export class TokenBucket {
  readonly #perSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#atMs = nowMs;
  }

  /** What could be taken now; below zero after something large. */
  available(nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#tokens = Math.min(this.#perSecond, this.#tokens + (elapsedMs * this.#perSecond) / 1_000);
    this.#atMs = nowMs;
    return this.#tokens;
  }

  isFull(nowMs: number): boolean {
    return this.available(nowMs) >= this.#perSecond;
  }

  take(count: number): void {
    this.#tokens -= count;
  }
}
