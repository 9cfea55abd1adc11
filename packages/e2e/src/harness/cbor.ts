/** CBOR as the Java SDK writes it, made by hand: tests must not share the product's reader. */

/** An instant: tag 1 with whole milliseconds. */
export class Instant {
  readonly epochMs: number;

  constructor(epochMs: number) {
    this.epochMs = epochMs;
  }
}

export interface CborStyle {
  /** Maps, lists and texts without a length, as Jackson writes them. */
  readonly indefinite: boolean;
}

export function encodeCbor(value: unknown, style: CborStyle = { indefinite: true }): Buffer {
  const parts: Buffer[] = [];
  write(value, style, parts);
  return Buffer.concat(parts);
}

function write(value: unknown, style: CborStyle, parts: Buffer[]): void {
  const { indefinite } = style;
  if (value instanceof Instant) {
    parts.push(Buffer.from([0xc1]));
    write(value.epochMs, style, parts);
  } else if (value === null || value === undefined) parts.push(Buffer.from([0xf6]));
  else if (typeof value === "boolean") parts.push(Buffer.from([value ? 0xf5 : 0xf4]));
  else if (typeof value === "number" && !Number.isInteger(value)) {
    const bytes = Buffer.from([0xfb, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.writeDoubleBE(value, 1);
    parts.push(bytes);
  } else if (typeof value === "number") parts.push(value < 0 ? head(1, -1 - value) : head(0, value));
  else if (typeof value === "string") writeText(Buffer.from(value), 3, indefinite, parts);
  else if (value instanceof Uint8Array) writeText(Buffer.from(value), 2, false, parts);
  else if (Array.isArray(value)) {
    parts.push(indefinite ? Buffer.from([0x9f]) : head(4, value.length));
    for (const item of value as unknown[]) write(item, style, parts);
    if (indefinite) parts.push(Buffer.from([0xff]));
  } else {
    const entries = Object.entries(value as Record<string, unknown>);
    parts.push(indefinite ? Buffer.from([0xbf]) : head(5, entries.length));
    for (const [key, item] of entries) {
      write(key, style, parts);
      write(item, style, parts);
    }
    if (indefinite) parts.push(Buffer.from([0xff]));
  }
}

function writeText(bytes: Buffer, major: number, indefinite: boolean, parts: Buffer[]): void {
  if (!indefinite || bytes.length < 2) {
    parts.push(head(major, bytes.length), bytes);
    return;
  }
  const middle = bytes.length >> 1;
  parts.push(Buffer.from([(major << 5) | 31]));
  for (const piece of [bytes.subarray(0, middle), bytes.subarray(middle)]) parts.push(head(major, piece.length), piece);
  parts.push(Buffer.from([0xff]));
}

function head(major: number, value: number): Buffer {
  const top = major << 5;
  if (value < 24) return Buffer.from([top | value]);
  const bytes = Buffer.alloc(9);
  bytes[0] = top | 27;
  bytes.writeBigUInt64BE(BigInt(value), 1);
  return bytes;
}

/** Tag 1 becomes an Instant, byte strings Buffers. @throws Error */
export function decodeCbor(bytes: Buffer): unknown {
  const reader = { bytes, at: 0 };
  const value = read(reader);
  if (reader.at !== bytes.length) throw new Error("bytes behind the value");
  return value;
}

const BREAK = Symbol("break");

function read(reader: { readonly bytes: Buffer; at: number }): unknown {
  const first = reader.bytes[reader.at++];
  if (first === undefined) throw new Error("truncated");
  const major = first >> 5;
  const low = first & 31;
  if (first === 0xff) return BREAK;
  const isEndless = low === 31;
  const argument = isEndless ? 0 : readArgument(reader, low);
  const items = (count: number): unknown[] => {
    const found: unknown[] = [];
    while (isEndless || found.length < count) {
      const item = read(reader);
      if (item === BREAK) break;
      found.push(item);
    }
    return found;
  };
  switch (major) {
    case 0:
      return argument;
    case 1:
      return -1 - argument;
    case 2:
    case 3: {
      const piece = isEndless
        ? Buffer.concat(items(0).map((item) => Buffer.from(item as string)))
        : reader.bytes.subarray(reader.at, (reader.at += argument));
      return major === 2 ? piece : piece.toString();
    }
    case 4:
      return items(argument);
    case 5: {
      const flat = items(argument * 2);
      return Object.fromEntries(flat.flatMap((key, i) => (i % 2 === 0 ? [[key as string, flat[i + 1]]] : [])));
    }
    case 6: {
      const value = read(reader);
      return argument === 1 ? new Instant(value as number) : value;
    }
    default:
      if (low === 27) return reader.bytes.readDoubleBE(reader.at - 8);
      return low === 21 ? true : low === 20 ? false : null;
  }
}

function readArgument(reader: { readonly bytes: Buffer; at: number }, low: number): number {
  if (low < 24) return low;
  const size = 1 << (low - 24);
  const start = reader.at;
  reader.at += size;
  if (size === 8) return Number(reader.bytes.readBigUInt64BE(start));
  return reader.bytes.readUIntBE(start, size);
}
