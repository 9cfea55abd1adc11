/** Hash keys are unsigned 128-bit numbers, kept here as four 32-bit words, most significant first: no BigInt per record. */

const DIGITS_MAX = 39;
/** A word times 10^6 plus a carry stays an exact double. */
const DIGITS_PER_STEP = 6;

/**
 * Reads decimal ASCII digits into `target[0..4)`. False: empty, not digits, or above 2^128 - 1. Leading zeros are the
 * pattern's business, not this one's.
 */
export function readHashKey(bytes: Uint8Array, start: number, length: number, target: Uint32Array): boolean {
  if (length === 0 || length > DIGITS_MAX) return false;
  target[0] = target[1] = target[2] = target[3] = 0;
  const end = start + length;
  for (let offset = start; offset < end;) {
    let factor = 1;
    let addend = 0;
    for (const stop = Math.min(end, offset + DIGITS_PER_STEP); offset < stop; offset++) {
      const digit = (bytes[offset] as number) - 0x30;
      if (digit < 0 || digit > 9) return false;
      factor *= 10;
      addend = addend * 10 + digit;
    }
    for (let word = 3; word >= 0; word--) {
      const product = (target[word] as number) * factor + addend;
      addend = Math.floor(product / 0x1_0000_0000);
      target[word] = product - addend * 0x1_0000_0000;
    }
    if (addend !== 0) return false;
  }
  return true;
}

/** Negative, zero or positive, as the first key is below, equal to or above the second. */
export function compareHashKeys(a: Uint32Array, b: Uint32Array): number {
  for (let word = 0; word < 4; word++) {
    const difference = (a[word] as number) - (b[word] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Of a decimal text that is known to be a hash key, such as a shard's bounds. */
export function hashKeyOf(decimal: string): Uint32Array {
  const words = new Uint32Array(4);
  if (!readHashKey(Buffer.from(decimal, "latin1"), 0, decimal.length, words)) {
    throw new RangeError(`no hash key: ${decimal}`);
  }
  return words;
}
