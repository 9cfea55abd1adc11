import type { Random } from "@millrace/util";

/**
 * sfc32, seeded by a text. 32-bit integer arithmetic only: the same numbers on every machine and every version of Node. A fork
 * depends on the seed and its label, never on how much was drawn before.
 */
export class SeededRandom implements Random {
  readonly seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    this.seed = seed;
    [this.#a, this.#b, this.#c] = hash96(seed);
    for (let round = 0; round < 12; round++) this.u32();
  }

  /** Uniform in [0, 2^32). */
  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }

  next(): number {
    return this.u32() / 0x1_0000_0000;
  }

  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let at = 0; at < count; at++) bytes[at] = this.u32() & 0xff;
    return bytes;
  }

  fork(label: string): SeededRandom {
    return new SeededRandom(`${this.seed}/${label}`);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** `items` is not empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.between(0, items.length - 1)] as T;
  }

  /** An order of magnitude is as likely as the next: 1 to 1,000 gives 1-10 a third of the time. Integers. */
  magnitude(min: number, max: number): number {
    let ceiling = min;
    const steps: number[] = [];
    for (; ceiling < max; ceiling *= 2) steps.push(ceiling);
    const low = steps.length === 0 ? min : this.pick(steps);
    return this.between(low, Math.min(max, low * 2));
  }
}

function hash96(text: string): [number, number, number] {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    a = Math.imul(a ^ code, 0x85ebca6b);
    b = Math.imul(b ^ code, 0xc2b2ae35) ^ (a >>> 15);
    c = Math.imul(c ^ code, 0x27d4eb2f) ^ (b >>> 13);
    a ^= c >>> 16;
  }
  return [a | 0, b | 0, c | 0];
}
