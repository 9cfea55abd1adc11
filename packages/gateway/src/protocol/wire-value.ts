/**
 * What a body holds before anyone asked what it means: the same tree for JSON and CBOR. `read-input.ts` turns it into
 * an operation's input.
 */
export type WireValue = string | number | boolean | null | Uint8Array | CborTimestamp | readonly WireValue[] | WireMap;

/** Keys come from outside (`__proto__` is a legal one): use `Object.hasOwn` and `Object.entries`. */
export interface WireMap {
  readonly [key: string]: WireValue;
}

/** CBOR tag 1. Kinesis clients put epoch milliseconds inside, against RFC 8949, which says seconds. */
export class CborTimestamp {
  readonly epochMs: number;

  constructor(epochMs: number) {
    this.epochMs = epochMs;
  }
}

export type Encoding = "json" | "cbor";

export const CONTENT_TYPES: { readonly [E in Encoding]: string } = {
  json: "application/x-amz-json-1.1",
  cbor: "application/x-amz-cbor-1.1",
};

/** Deeper than any legal request by far. Jackson, which reads these bodies on AWS, allows 1,000. */
export const DEPTH_MAX = 100;

/** The largest legal requests (10,000 filters of two members) hold a tenth of it. Bounds memory: a value takes ~50 bytes. */
export const VALUE_COUNT_MAX = 300_000;

export function isWireMap(value: WireValue): value is WireMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof CborTimestamp)
  );
}

export function isWireList(value: WireValue): value is readonly WireValue[] {
  return Array.isArray(value);
}
