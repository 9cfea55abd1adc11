/**
 * Kinesis's sequence number, version 2: a 186-bit integer in decimal (56 digits). As 47 hex digits:
 *   0: 2 | 1-9: shard creation time, epoch s | 10: shard number, low nibble | 11-26: sequence index (first digit 0-7)
 *   | 27-28: 00 | 29-37: record time, epoch s | 38-45: shard number | 46: version 2
 * The sequence index is the record's offset, so a number names its shard and position without a look-up.
 */
export interface SequenceNumber {
  readonly shardCreatedAtS: number;
  readonly shardNumber: number;
  /** The record's offset. 0: before the first record. 2^63 - 1: after the last (a closed shard's end). */
  readonly index: bigint;
  readonly timeS: number;
}

export const SEQUENCE_INDEX_MAX = 0x7fff_ffff_ffff_ffffn;
/** Creation times from here on do not fit (kinesalite: checked against the service). */
const CREATED_AT_LIMIT_S = 16_025_175_000n;
const VERSION_0_LIMIT = 1n << 124n;

/** Decimal form. `timeS` and `shardCreatedAtS` in epoch seconds. */
export function formatSequenceNumber(number: SequenceNumber): string {
  return encodeSequenceNumber(number).toString();
}

function encodeSequenceNumber({ shardCreatedAtS, shardNumber, index, timeS }: SequenceNumber): bigint {
  const shard = BigInt(shardNumber);
  return (
    (2n << 184n) |
    (BigInt(shardCreatedAtS) << 148n) |
    ((shard & 0xfn) << 144n) |
    (index << 80n) |
    (BigInt(timeS) << 36n) |
    (shard << 4n) |
    2n
  );
}

/** The numbers of the consecutive records of one batch: base, base + 1, ... (they differ by 2^80). */
export function formatSequenceNumbers(first: SequenceNumber, count: number): string[] {
  const numbers: string[] = [];
  let value = encodeSequenceNumber(first);
  for (let index = 0; index < count; index++) {
    numbers.push(value.toString());
    value += INDEX_UNIT;
  }
  return numbers;
}

const INDEX_UNIT = 1n << 80n;

/** Undefined for text that is no version 2 number (numbers below 2^124 are "version 0" and read as 2^124 more). */
export function parseSequenceNumber(text: string): SequenceNumber | undefined {
  if (!/^(0|[1-9]\d{0,128})$/.test(text)) return undefined;
  let value = BigInt(text);
  if (value < VERSION_0_LIMIT) value += VERSION_0_LIMIT;
  if (value >> 184n !== 2n || (value & 0xfn) !== 2n) return undefined;
  const createdAt = (value >> 148n) & 0xf_ffff_ffffn;
  if (createdAt >= CREATED_AT_LIMIT_S) return undefined;
  const index = (value >> 80n) & 0xffff_ffff_ffff_ffffn;
  if (index > SEQUENCE_INDEX_MAX) return undefined;
  return {
    shardCreatedAtS: Number(createdAt),
    shardNumber: Number((value >> 4n) & 0xffff_ffffn),
    index,
    timeS: Number((value >> 36n) & 0xf_ffff_ffffn),
  };
}

/** `shardId-` and 12 digits. */
export function formatShardId(shardNumber: number): string {
  return `shardId-${String(shardNumber).padStart(12, "0")}`;
}

/**
 * Kinesis takes what follows the first `-` (or the whole text) as a decimal number. Undefined when that is none or is
 * above 2147483647.
 */
export function parseShardId(text: string): number | undefined {
  const digits = text.slice(text.indexOf("-") + 1);
  if (!/^\d{1,20}$/.test(digits)) return undefined;
  const number = Number(digits);
  return number <= 2_147_483_647 ? number : undefined;
}
