import { isUtf8 } from "node:buffer";
import { awsError } from "../errors.ts";
import { DEPTH_MAX, VALUE_COUNT_MAX, type WireValue } from "./wire-value.ts";

/**
 * Reads a JSON text. `JSON.parse` judges the grammar; what it lets through and we must not (bytes that are no UTF-8,
 * endless nesting, millions of tiny values) is refused by one pass over the bytes before it. As in Jackson the last of
 * equal keys wins. Numbers are doubles: integers of the API are clamped to 32 bits anyway.
 * @throws AwsError SERIALIZATION
 */
export function readJson(body: Buffer): WireValue {
  if (!isUtf8(body) || !isWithinBounds(body)) throw awsError("SERIALIZATION", {});
  try {
    return JSON.parse(body.toString("utf8")) as WireValue;
  } catch (cause) {
    throw awsError("SERIALIZATION", {}, { cause });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Counts levels and values, not looking into strings. What is malformed in other ways is left to `JSON.parse`. */
function isWithinBounds(body: Buffer): boolean {
  let depth = 0;
  let valueCount = 1;
  for (let offset = 0; offset < body.length; offset++) {
    switch (body[offset]) {
      case QUOTE:
        offset = endOfString(body, offset + 1);
        if (offset === -1) return false;
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        depth += 1;
        valueCount += 1;
        if (depth > DEPTH_MAX || valueCount > VALUE_COUNT_MAX) return false;
        break;
      case COMMA:
        valueCount += 1;
        if (valueCount > VALUE_COUNT_MAX) return false;
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth -= 1;
        break;
      default:
        break;
    }
  }
  return true;
}

/** The offset of the closing quote, or -1. `start` is the first byte inside the string. */
export function endOfString(body: Buffer, start: number): number {
  let from = start;
  for (;;) {
    const quote = body.indexOf(QUOTE, from);
    if (quote === -1) return -1;
    let backslashes = 0;
    while (quote - 1 - backslashes >= start && body[quote - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return quote;
    from = quote + 1;
  }
}
