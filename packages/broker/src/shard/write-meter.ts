/** Averaged over about so long: a burst of a second or two is no reason to reshard. */
const TIME_CONSTANT_MS = 15_000;

export interface WriteRate {
  readonly bytesPerSecond: number;
  readonly recordsPerSecond: number;
}

/** How fast a shard is written to, as its leader sees it: an exponential average that forgets by itself. */
export class WriteMeter {
  #bytes = 0;
  #records = 0;
  #rate: WriteRate = { bytesPerSecond: 0, recordsPerSecond: 0 };
  #atMs: number;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** A replica that begins to lead has applied what others wrote, perhaps all of it at once. */
  begin(nowMs: number): void {
    this.#bytes = 0;
    this.#records = 0;
    this.#rate = { bytesPerSecond: 0, recordsPerSecond: 0 };
    this.#atMs = nowMs;
  }

  wrote(records: number, bytes: number): void {
    this.#records += records;
    this.#bytes += bytes;
  }

  /** Asked for from time to time, by one. */
  rate(nowMs: number): WriteRate {
    const elapsedMs = nowMs - this.#atMs;
    if (elapsedMs <= 0) return this.#rate;
    const kept = Math.exp(-elapsedMs / TIME_CONSTANT_MS);
    const average = (before: number, count: number): number =>
      before * kept + ((count * 1_000) / elapsedMs) * (1 - kept);
    this.#rate = {
      bytesPerSecond: average(this.#rate.bytesPerSecond, this.#bytes),
      recordsPerSecond: average(this.#rate.recordsPerSecond, this.#records),
    };
    this.#bytes = 0;
    this.#records = 0;
    this.#atMs = nowMs;
    return this.#rate;
  }
}
