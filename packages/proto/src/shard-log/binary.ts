import { assert } from "@millrace/util";

/** Fixed-size little-endian bodies. u64 fields are JS safe integers. */
export class BinaryWriter {
  readonly #target: Buffer;
  #position = 0;

  constructor(sizeBytes: number) {
    this.#target = Buffer.allocUnsafe(sizeBytes);
  }

  u8(value: number): this {
    this.#position = this.#target.writeUInt8(value, this.#position);
    return this;
  }

  u32(value: number): this {
    this.#position = this.#target.writeUInt32LE(value, this.#position);
    return this;
  }

  u64(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, "u64 fields are safe integers");
    this.#position = this.#target.writeUInt32LE(value >>> 0, this.#position);
    this.#position = this.#target.writeUInt32LE(Math.floor(value / 0x1_0000_0000), this.#position);
    return this;
  }

  finish(): Buffer {
    assert(this.#position === this.#target.length, "a body fills its room");
    return this.#target;
  }
}

export class BinaryReader {
  readonly #source: Buffer;
  #position = 0;

  constructor(source: Buffer) {
    this.#source = source;
  }

  /** @throws RangeError past the end, as the others. */
  u8(): number {
    return this.#source.readUInt8(this.#advance(1));
  }

  u32(): number {
    return this.#source.readUInt32LE(this.#advance(4));
  }

  u64(): number {
    const at = this.#advance(8);
    return this.#source.readUInt32LE(at) + this.#source.readUInt32LE(at + 4) * 0x1_0000_0000;
  }

  /** What is left, as a view. */
  rest(): Buffer {
    return this.#source.subarray(this.#position);
  }

  #advance(count: number): number {
    const at = this.#position;
    this.#position += count;
    return at;
  }
}

export function readerOf(source: Buffer): BinaryReader {
  return new BinaryReader(source);
}
