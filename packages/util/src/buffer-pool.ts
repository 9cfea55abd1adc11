import { assert } from "./assert.ts";
import { KIB, MIB } from "./units.ts";

/** Smaller ones are cut from Node's own pool. */
const CLASS_MIN_BYTES = 16 * KIB;
const CLASS_MAX_BYTES = 16 * MIB;

/**
 * Large buffers that go round. V8 collects its whole heap each time some 64 MiB of buffers were made, however small that heap is; and
 * what it then collects are also the hidden classes of objects that happen not to live, and with them the compiled code that knows
 * them. So what passes through in bulk should not be made anew each time.
 */
export class BufferPool {
  readonly #keptBytesMax: number;
  /** By size, a power of two. */
  readonly #free = new Map<number, ArrayBufferLike[]>();
  readonly #isFree = new Set<ArrayBufferLike>();
  readonly #isOurs = new WeakSet<ArrayBufferLike>();
  #keptBytes = 0;

  constructor(keptBytesMax: number) {
    this.#keptBytesMax = keptBytesMax;
  }

  /** Of exactly that size, at the beginning of its memory, with whatever was in there. */
  take(sizeBytes: number): Buffer {
    if (sizeBytes < CLASS_MIN_BYTES || sizeBytes > CLASS_MAX_BYTES) return Buffer.allocUnsafe(sizeBytes);
    const classBytes = 2 ** Math.ceil(Math.log2(sizeBytes));
    const memory = this.#free.get(classBytes)?.pop();
    if (memory === undefined) {
      const made = Buffer.allocUnsafeSlow(classBytes);
      this.#isOurs.add(made.buffer);
      return made.subarray(0, sizeBytes);
    }
    this.#isFree.delete(memory);
    this.#keptBytes -= classBytes;
    return Buffer.from(memory, 0, sizeBytes);
  }

  /** Nobody looks at it, nor at any view of its memory, from here on. Once. */
  give(buffer: Buffer): void {
    const memory = buffer.buffer;
    const classBytes = memory.byteLength;
    if (!this.#isOurs.has(memory)) return;
    assert(!this.#isFree.has(memory), "memory is given back once");
    if (this.#keptBytes + classBytes > this.#keptBytesMax) return;
    let free = this.#free.get(classBytes);
    if (free === undefined) this.#free.set(classBytes, (free = []));
    free.push(memory);
    this.#isFree.add(memory);
    this.#keptBytes += classBytes;
  }
}
