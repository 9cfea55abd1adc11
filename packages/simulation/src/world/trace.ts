/** What happened, as one number: two runs of one seed agree on it, or something came from outside of the world. */
export class TraceHash {
  #low = 0x811c9dc5;
  #high = 0x9747b28c;
  count = 0;

  mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    this.#high = Math.imul(this.#high ^ value ^ (this.#low >>> 13), 0x85ebca6b);
  }

  /** Of an event: `kind` and `owner` are small integers, the time is in microseconds. */
  event(timeUs: number, kind: number, owner: number): void {
    this.count++;
    this.mix(timeUs >>> 0);
    this.mix(Math.floor(timeUs / 0x1_0000_0000));
    this.mix((kind << 16) ^ owner);
  }

  toString(): string {
    const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }
}
