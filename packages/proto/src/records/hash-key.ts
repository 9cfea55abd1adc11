/** Hash keys are 128-bit unsigned integers: MD5 of the partition key, big-endian, or the caller's own. */
export const HASH_KEY_MAX = (1n << 128n) - 1n;

export interface HashKeyRange {
  /** Both inclusive. */
  readonly starting: bigint;
  readonly ending: bigint;
}

/** Kinesis's own division of the key space: floor(2^128 / count) each, the last takes the rest. */
export function uniformHashKeyRanges(count: number): HashKeyRange[] {
  const width = (1n << 128n) / BigInt(count);
  const ranges: HashKeyRange[] = [];
  for (let index = 0; index < count; index++) {
    const starting = width * BigInt(index);
    ranges.push({ starting, ending: index === count - 1 ? HASH_KEY_MAX : starting + width - 1n });
  }
  return ranges;
}

/** `0|[1-9]\d{0,38}` and at most 2^128 - 1, else undefined. */
export function parseHashKey(text: string): bigint | undefined {
  if (!/^(0|[1-9]\d{0,38})$/.test(text)) return undefined;
  const value = BigInt(text);
  return value <= HASH_KEY_MAX ? value : undefined;
}
