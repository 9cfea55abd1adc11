/**
 * One pass over the bytes of a JSON put, for the bodies that SDKs send: no strings, no objects per record, base64 decoded
 * straight to where it stays. Whatever is unusual (escapes, unknown or repeated members, nulls, anything invalid) makes
 * it give up; the general parser then accepts or refuses the body. So this file knows no error.
 */
import { isUtf8 } from "node:buffer";
import { assert } from "@millrace/util";
import { shapeOf, type Shape, type StringShape } from "../model/shapes.ts";
import { decodeBase64, decodeShortBase64 } from "./base64.ts";
import type { PutBatch } from "./put-batch.ts";
import { brokenStringConstraints } from "./validate-input.ts";

const RECORDS_MAX = 500;
const DATA_SIZE_BYTES_MAX = maxOf(shapeOf("Data"));
const KEY_CHARS_MAX = maxOf(shapeOf("PartitionKey"));
const HASH_KEY_DIGITS_MAX = 39;
const SEQUENCE_NUMBER_DIGITS_MAX = 129;
const STREAM_NAME = stringShape("StreamName");
const STREAM_ARN = stringShape("StreamARN");

function maxOf(shape: Shape): number {
  assert("max" in shape && shape.max !== undefined, `${shape.name} has a maximum`);
  return shape.max;
}

function stringShape(name: string): StringShape {
  const shape = shapeOf(name);
  assert(shape.type === "string", `${name} is a string`);
  return shape;
}

/** `undefined`: not for this parser; says nothing about the body. */
export function scanPut(
  operation: "PutRecord" | "PutRecords",
  body: Buffer,
  allocate: (sizeBytes: number) => Buffer = (sizeBytes) => Buffer.allocUnsafe(sizeBytes),
): PutBatch | undefined {
  return scanner.scan(operation, body, allocate(((body.length + 3) >> 2) * 3));
}

/** Up to here a loop in JavaScript wins over the native decoder, which costs 0.5 us a call. Measured. */
const BASE64_BY_HAND_CHARS_MAX = 320;

/** Per record: offset and length of key, explicit hash key, data. Sliced to size at the end of a scan. */
const FIELDS_PER_RECORD = 6;
const scratch = new Uint32Array(RECORDS_MAX * FIELDS_PER_RECORD);

const SEEN_DATA = 1;
const SEEN_KEY = 2;
const SEEN_HASH_KEY = 4;
const SEEN_STREAM_NAME = 8;
const SEEN_STREAM_ARN = 16;
const SEEN_DRY_RUN = 32;
const SEEN_ORDERING = 64;
const SEEN_RECORDS = 128;
const ENTRY_MEMBERS = SEEN_DATA | SEEN_KEY | SEEN_HASH_KEY;
const COMMON_MEMBERS = SEEN_STREAM_NAME | SEEN_STREAM_ARN | SEEN_DRY_RUN;
const PUT_RECORD_MEMBERS = ENTRY_MEMBERS | COMMON_MEMBERS | SEEN_ORDERING;
const PUT_RECORDS_MEMBERS = COMMON_MEMBERS | SEEN_RECORDS;

const MEMBERS: readonly (readonly [name: string, bit: number])[] = [
  ["Data", SEEN_DATA],
  ["PartitionKey", SEEN_KEY],
  ["ExplicitHashKey", SEEN_HASH_KEY],
  ["StreamName", SEEN_STREAM_NAME],
  ["StreamARN", SEEN_STREAM_ARN],
  ["DryRun", SEEN_DRY_RUN],
  ["SequenceNumberForOrdering", SEEN_ORDERING],
  ["Records", SEEN_RECORDS],
];
/** By first byte and length, which tell the names apart; the rest is then compared. */
const MEMBER_BY_HASH = new Map(MEMBERS.map(([name, bit]) => [nameHash(name.charCodeAt(0), name.length), bit]));
const MEMBER_BYTES = new Map(MEMBERS.map(([name, bit]) => [bit, Buffer.from(name)]));
assert(MEMBER_BY_HASH.size === MEMBERS.length, "first byte and length tell member names apart");

function nameHash(firstByte: number, length: number): number {
  return firstByte * 64 + length;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const ZERO = 0x30;

const NOTHING: Buffer = Buffer.alloc(0);

class PutScanner {
  #body = NOTHING;
  #data = NOTHING;
  #offset = 0;
  #dataOffset = 0;
  #count = 0;
  #valueStart = 0;
  #valueLength = 0;
  #streamName: string | undefined;
  #streamArn: string | undefined;
  #ordering: string | undefined;
  #dryRun = false;

  scan(operation: "PutRecord" | "PutRecords", body: Buffer, data: Buffer): PutBatch | undefined {
    this.#body = body;
    this.#data = data;
    this.#offset = this.#dataOffset = this.#count = 0;
    this.#streamName = this.#streamArn = this.#ordering = undefined;
    this.#dryRun = false;
    const batch = this.#scan(operation);
    this.#body = this.#data = NOTHING;
    return batch;
  }

  #scan(operation: "PutRecord" | "PutRecords"): PutBatch | undefined {
    const isSingle = operation === "PutRecord";
    const seen = this.#object(isSingle ? PUT_RECORD_MEMBERS : PUT_RECORDS_MEMBERS);
    const required = isSingle ? SEEN_DATA | SEEN_KEY : SEEN_RECORDS;
    if (seen === -1 || (seen & required) !== required) return undefined;
    this.#skipSpace();
    if (this.#offset !== this.#body.length) return undefined;
    if (isSingle) {
      if ((seen & SEEN_HASH_KEY) === 0) scratch[3] = 0;
      this.#count = 1;
    }
    return this.#batch();
  }

  #batch(): PutBatch {
    const count = this.#count;
    const field = (index: number): Uint32Array => {
      const column = new Uint32Array(count);
      for (let row = 0; row < count; row++) column[row] = scratch[row * FIELDS_PER_RECORD + index] as number;
      return column;
    };
    return {
      streamName: this.#streamName,
      streamArn: this.#streamArn,
      dryRun: this.#dryRun,
      sequenceNumberForOrdering: this.#ordering,
      count,
      keys: this.#body,
      keyOffsets: field(0),
      keyLengths: field(1),
      hashKeyOffsets: field(2),
      hashKeyLengths: field(3),
      data: this.#data.subarray(0, this.#dataOffset),
      dataOffsets: field(4),
      dataLengths: field(5),
    };
  }

  /** Scans an object with only these members, each at most once. Returns those seen, or -1. */
  #object(allowed: number): number {
    if (!this.#take(0x7b)) return -1;
    let seen = 0;
    do {
      const member = this.#memberName();
      if ((member & allowed) === 0 || (member & seen) !== 0 || !this.#take(COLON)) return -1;
      this.#skipSpace();
      if (!this.#value(member)) return -1;
      seen |= member;
    } while (this.#take(COMMA));
    return this.#take(0x7d) ? seen : -1;
  }

  #records(): boolean {
    if (!this.#take(0x5b)) return false;
    do {
      if (this.#count === RECORDS_MAX) return false;
      const seen = this.#object(ENTRY_MEMBERS);
      if (seen === -1 || (seen & (SEEN_DATA | SEEN_KEY)) !== (SEEN_DATA | SEEN_KEY)) return false;
      if ((seen & SEEN_HASH_KEY) === 0) scratch[this.#count * FIELDS_PER_RECORD + 3] = 0;
      this.#count += 1;
    } while (this.#take(COMMA));
    return this.#take(0x5d);
  }

  #value(member: number): boolean {
    const row = this.#count * FIELDS_PER_RECORD;
    switch (member) {
      case SEEN_DATA:
        return this.#blob(row);
      case SEEN_KEY:
        if (!this.#key()) return false;
        scratch[row] = this.#valueStart;
        scratch[row + 1] = this.#valueLength;
        return true;
      case SEEN_HASH_KEY:
        if (!this.#decimal(HASH_KEY_DIGITS_MAX)) return false;
        scratch[row + 2] = this.#valueStart;
        scratch[row + 3] = this.#valueLength;
        return true;
      case SEEN_RECORDS:
        return this.#records();
      case SEEN_STREAM_NAME:
        this.#streamName = this.#constrained(STREAM_NAME);
        return this.#streamName !== undefined;
      case SEEN_STREAM_ARN:
        this.#streamArn = this.#constrained(STREAM_ARN);
        return this.#streamArn !== undefined;
      case SEEN_ORDERING:
        if (!this.#decimal(SEQUENCE_NUMBER_DIGITS_MAX)) return false;
        this.#ordering = this.#text();
        return true;
      default:
        return this.#boolean();
    }
  }

  #skipSpace(): void {
    const body = this.#body;
    let offset = this.#offset;
    for (;;) {
      const byte = body[offset];
      if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      offset += 1;
    }
    this.#offset = offset;
  }

  /** Skips space, then that byte if it is there. */
  #take(byte: number): boolean {
    if (this.#body[this.#offset] !== byte) {
      this.#skipSpace();
      if (this.#body[this.#offset] !== byte) return false;
    }
    this.#offset += 1;
    return true;
  }

  #memberName(): number {
    if (!this.#take(QUOTE)) return 0;
    const body = this.#body;
    const start = this.#offset;
    let end = start;
    while (end - start < 32 && body[end] !== QUOTE) end += 1;
    const member = MEMBER_BY_HASH.get(nameHash(body[start] ?? 0, end - start));
    if (member === undefined || body[end] !== QUOTE) return 0;
    const name = MEMBER_BYTES.get(member) as Buffer;
    for (let index = 1; index < name.length; index++) if (body[start + index] !== name[index]) return 0;
    this.#offset = end + 1;
    return member;
  }

  /** A string without escapes; `#valueStart` and `#valueLength` say where. Returns the OR of its bytes, or -1. */
  #string(): number {
    const body = this.#body;
    if (body[this.#offset] !== QUOTE) return -1;
    const start = this.#offset + 1;
    let end = start;
    let bits = 0;
    for (;;) {
      const byte = body[end];
      if (byte === QUOTE) break;
      if (byte === undefined || byte === BACKSLASH || byte < SPACE) return -1;
      bits |= byte;
      end += 1;
    }
    this.#valueStart = start;
    this.#valueLength = end - start;
    this.#offset = end + 1;
    return bits;
  }

  #text(): string {
    return this.#body.toString("latin1", this.#valueStart, this.#valueStart + this.#valueLength);
  }

  #key(): boolean {
    const bits = this.#string();
    const length = this.#valueLength;
    if (bits === -1 || length === 0) return false;
    if (bits < 0x80) return length <= KEY_CHARS_MAX;
    const bytes = this.#body.subarray(this.#valueStart, this.#valueStart + length);
    return isUtf8(bytes) && (length <= KEY_CHARS_MAX || bytes.toString("utf8").length <= KEY_CHARS_MAX);
  }

  #decimal(digitsMax: number): boolean {
    const bits = this.#string();
    const length = this.#valueLength;
    if (bits === -1 || length === 0 || length > digitsMax) return false;
    const body = this.#body;
    const start = this.#valueStart;
    if (body[start] === ZERO) return length === 1;
    for (let index = start; index < start + length; index++) {
      const digit = (body[index] as number) - ZERO;
      if (digit < 0 || digit > 9) return false;
    }
    return true;
  }

  #constrained(shape: StringShape): string | undefined {
    const bits = this.#string();
    if (bits === -1 || bits >= 0x80) return undefined;
    const text = this.#text();
    return brokenStringConstraints(shape, text).length === 0 ? text : undefined;
  }

  #boolean(): boolean {
    const word = this.#body.toString("latin1", this.#offset, this.#offset + 5);
    this.#dryRun = word.startsWith("true");
    if (!this.#dryRun && word !== "false") return false;
    this.#offset += this.#dryRun ? 4 : 5;
    return true;
  }

  #blob(row: number): boolean {
    const body = this.#body;
    if (body[this.#offset] !== QUOTE) return false;
    const start = this.#offset + 1;
    const end = body.indexOf(QUOTE, start);
    if (end === -1) return false;
    const decode = end - start <= BASE64_BY_HAND_CHARS_MAX ? decodeShortBase64 : decodeBase64;
    const sizeBytes = decode(body, start, end - start, this.#data, this.#dataOffset);
    if (sizeBytes === -1 || sizeBytes > DATA_SIZE_BYTES_MAX) return false;
    scratch[row + 4] = this.#dataOffset;
    scratch[row + 5] = sizeBytes;
    this.#dataOffset += sizeBytes;
    this.#offset = end + 1;
    return true;
  }
}

/** One, always alive: V8 forgets compiled code that knows a class of which nothing lives when it collects the heap. */
const scanner = new PutScanner();
