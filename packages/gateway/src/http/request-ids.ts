import type { Random } from "@millrace/util";

const POOL_SIZE_BYTES = 4096;
/** As long as those of AWS: 96 characters. */
const EXTENDED_ID_SIZE_BYTES = 72;

/** Request ids, from a pool: a system call for each would cost more than the id. */
export class RequestIds {
  readonly #random: Random;
  #pool: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A UUID that looks like version 1, as those of AWS do. */
  next(): string {
    const hex = this.#take(16).toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-1${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  /** For `x-amz-id-2`. */
  nextExtended(): string {
    return this.#take(EXTENDED_ID_SIZE_BYTES).toString("base64");
  }

  #take(count: number): Buffer {
    if (this.#offset + count > this.#pool.length) {
      this.#pool = this.#random.bytes(POOL_SIZE_BYTES);
      this.#offset = 0;
    }
    this.#offset += count;
    return this.#pool.subarray(this.#offset - count, this.#offset);
  }
}
