/** A buffer that grows by doubling. Answers of 10 MiB are written here once, without strings of their size. */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(sizeHintBytes = 512) {
    this.#buffer = Buffer.allocUnsafe(sizeHintBytes);
  }

  /** ASCII only. */
  ascii(text: string): void {
    this.reserve(text.length);
    this.#length += this.#buffer.write(text, this.#length, "latin1");
  }

  utf8(text: string): void {
    // A UTF-16 unit takes at most three bytes.
    this.reserve(text.length * 3);
    this.#length += this.#buffer.write(text, this.#length, "utf8");
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  base64(bytes: Uint8Array): void {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.reserve(Math.ceil(bytes.length / 3) * 4);
    for (let from = 0; from < view.length; from += BASE64_CHUNK_BYTES) {
      this.ascii(view.toString("base64", from, Math.min(view.length, from + BASE64_CHUNK_BYTES)));
    }
  }

  uint8(value: number): void {
    this.reserve(1);
    this.#length = this.#buffer.writeUInt8(value, this.#length);
  }

  uint16(value: number): void {
    this.reserve(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  uint32(value: number): void {
    this.reserve(4);
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
  }

  uint64(value: number): void {
    this.reserve(8);
    this.#length = this.#buffer.writeBigUInt64BE(BigInt(value), this.#length);
  }

  float64(value: number): void {
    this.reserve(8);
    this.#length = this.#buffer.writeDoubleBE(value, this.#length);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

/** Stays in the cache, and is a multiple of three, so that no piece is padded but the last. */
const BASE64_CHUNK_BYTES = 48 * 1024;

/** Always alive: V8 forgets compiled code that knows a class of which nothing lives when it collects the heap. */
export const KEPT_WRITER = new ByteWriter(0);
