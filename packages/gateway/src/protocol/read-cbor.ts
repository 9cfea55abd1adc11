import { isUtf8 } from "node:buffer";
import { awsError } from "../errors.ts";
import { CborTimestamp, DEPTH_MAX, VALUE_COUNT_MAX, type WireMap, type WireValue } from "./wire-value.ts";

/**
 * Reads one CBOR item that fills the body (RFC 8949), definite and indefinite lengths alike: Jackson, inside the Java
 * SDKs, writes indefinite maps and arrays. Tag 1 is a timestamp, 2 and 3 are big numbers, others are passed through.
 * @throws AwsError SERIALIZATION for anything malformed, truncated, too deep or too large
 */
export function readCbor(body: Buffer): WireValue {
  const reader = new CborReader(body);
  const value = reader.readItem(0);
  if (value === BREAK || !reader.isAtEnd) throw malformed();
  return value;
}

function malformed(): Error {
  return awsError("SERIALIZATION", {});
}

/** Ends an indefinite item. Never leaves this file. */
const BREAK = Symbol("break");

const INDEFINITE = 31;

class CborReader {
  readonly #body: Buffer;
  #offset = 0;
  #valuesLeft = VALUE_COUNT_MAX;

  constructor(body: Buffer) {
    this.#body = body;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#body.length;
  }

  readItem(depth: number): WireValue | typeof BREAK {
    if (depth > DEPTH_MAX || this.#valuesLeft-- <= 0) throw malformed();
    const initial = this.#readByte();
    const major = initial >> 5;
    const additional = initial & 31;
    switch (major) {
      case 0:
        return this.#readArgument(additional);
      case 1:
        return -1 - this.#readArgument(additional);
      case 2:
        return additional === INDEFINITE ? this.#readChunks(2) : this.#readBytes(this.#readArgument(additional));
      case 3:
        return this.#readText(additional);
      case 4:
        return this.#readArray(additional, depth);
      case 5:
        return this.#readMap(additional, depth);
      case 6:
        return this.#readTagged(this.#readArgument(additional), depth);
      default:
        return this.#readSimple(additional);
    }
  }

  /** Numbers above 2^53 lose digits: no member of the API is that large. */
  #readArgument(additional: number): number {
    if (additional < 24) return additional;
    switch (additional) {
      case 24:
        return this.#readByte();
      case 25:
        return this.#body.readUInt16BE(this.#take(2));
      case 26:
        return this.#body.readUInt32BE(this.#take(4));
      case 27:
        return Number(this.#body.readBigUInt64BE(this.#take(8)));
      default:
        throw malformed();
    }
  }

  #readByte(): number {
    return this.#body[this.#take(1)] as number;
  }

  /** Moves past `count` bytes and returns where they begin. */
  #take(count: number): number {
    const start = this.#offset;
    if (count > this.#body.length - start) throw malformed();
    this.#offset = start + count;
    return start;
  }

  /** A view, not a copy. */
  #readBytes(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#body.subarray(start, start + count);
  }

  #readText(additional: number): string {
    const bytes = additional === INDEFINITE ? this.#readChunks(3) : this.#readBytes(this.#readArgument(additional));
    if (!isUtf8(bytes)) throw malformed();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  }

  /** The pieces of an indefinite string: definite strings of the same major type. */
  #readChunks(major: number): Uint8Array {
    const chunks: Uint8Array[] = [];
    for (;;) {
      const initial = this.#readByte();
      if (initial === 0xff) return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
      if (initial >> 5 !== major || this.#valuesLeft-- <= 0) throw malformed();
      chunks.push(this.#readBytes(this.#readArgument(initial & 31)));
    }
  }

  #readArray(additional: number, depth: number): readonly WireValue[] {
    const items: WireValue[] = [];
    const count = additional === INDEFINITE ? Infinity : this.#readArgument(additional);
    while (items.length < count) {
      const item = this.readItem(depth + 1);
      if (item === BREAK) {
        if (count === Infinity) break;
        throw malformed();
      }
      items.push(item);
    }
    return items;
  }

  #readMap(additional: number, depth: number): WireMap {
    const map = Object.create(null) as Record<string, WireValue>;
    const count = additional === INDEFINITE ? Infinity : this.#readArgument(additional);
    for (let pairs = 0; pairs < count; pairs++) {
      const key = this.readItem(depth + 1);
      if (key === BREAK && count === Infinity) break;
      if (typeof key !== "string") throw malformed();
      const value = this.readItem(depth + 1);
      if (value === BREAK) throw malformed();
      map[key] = value;
    }
    return map;
  }

  #readTagged(tag: number, depth: number): WireValue {
    const value = this.readItem(depth + 1);
    if (value === BREAK) throw malformed();
    switch (tag) {
      case 1:
        if (typeof value !== "number") throw malformed();
        return new CborTimestamp(value);
      case 2:
      case 3: {
        if (!(value instanceof Uint8Array)) throw malformed();
        let magnitude = 0;
        for (const byte of value) magnitude = magnitude * 256 + byte;
        return tag === 2 ? magnitude : -1 - magnitude;
      }
      default:
        return value;
    }
  }

  #readSimple(additional: number): WireValue | typeof BREAK {
    switch (additional) {
      case 20:
        return false;
      case 21:
        return true;
      case 22: // null
      case 23: // undefined
        return null;
      case 25:
        return halfToNumber(this.#body.readUInt16BE(this.#take(2)));
      case 26:
        return this.#body.readFloatBE(this.#take(4));
      case 27:
        return this.#body.readDoubleBE(this.#take(8));
      case INDEFINITE:
        return BREAK;
      default:
        throw malformed();
    }
  }
}

/** IEEE 754 half precision; RFC 8949, appendix D. */
function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (fraction + 1024) * 2 ** (exponent - 25);
}
