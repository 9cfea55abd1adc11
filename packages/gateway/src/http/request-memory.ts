import { BufferPool, MIB, scaledToMemory } from "@millrace/util";

/** Bodies and what they decode to: the largest buffers there are, one after the other of the same size. */
const POOL = new BufferPool(scaledToMemory(64 * MIB));

/** What one request holds of the pool. */
export class RequestMemory {
  readonly #held: Buffer[] = [];

  readonly allocate = (sizeBytes: number): Buffer => {
    const buffer = POOL.take(sizeBytes);
    this.#held.push(buffer);
    return buffer;
  };

  /** Nobody looks at any of it from here on. May be called again. */
  release(): void {
    for (const buffer of this.#held.splice(0)) POOL.give(buffer);
  }
}
