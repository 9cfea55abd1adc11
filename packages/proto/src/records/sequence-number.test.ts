import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatSequenceNumber,
  formatSequenceNumbers,
  formatShardId,
  parseSequenceNumber,
  parseShardId,
  SEQUENCE_INDEX_MAX,
  type SequenceNumber,
} from "./sequence-number.ts";

// Printed in AWS's developer guide (GetRecords): a number that the service itself gave.
const FROM_AWS = "49546986683135544286507457936321625675700192471156785154";

const sequenceNumbers: fc.Arbitrary<SequenceNumber> = fc.record({
  shardCreatedAtS: fc.integer({ min: 1, max: 16_025_174_999 }),
  shardNumber: fc.integer({ min: 0, max: 2_147_483_647 }),
  index: fc.bigInt({ min: 0n, max: SEQUENCE_INDEX_MAX }),
  timeS: fc.integer({ min: 0, max: 16_025_174_999 }),
});

describe("a sequence number", () => {
  test("reads as it was written", () => {
    fc.assert(
      fc.property(sequenceNumbers, (number) => {
        const text = formatSequenceNumber(number);
        expect(text).toMatch(/^\d{56}$/);
        expect(parseSequenceNumber(text)).toEqual(number);
      }),
    );
  });

  test("has the layout of AWS's own", () => {
    const number = parseSequenceNumber(FROM_AWS);
    expect(number).toMatchObject({ shardNumber: 0, shardCreatedAtS: 0x54b6fffe, timeS: 0x54b7009a });
    expect(formatSequenceNumber(number as SequenceNumber)).toBe(FROM_AWS);
  });

  test("stays the same over versions of this program", () => {
    const number = { shardCreatedAtS: 1_700_000_000, shardNumber: 3, index: 7n, timeS: 1_700_000_123 };
    expect(formatSequenceNumber(number)).toBe("49646437577175378652512468275258999061140685617511792690");
  });

  test("grows with the index, whatever the clock does, and a child's is greater than its parent's", () => {
    fc.assert(
      fc.property(sequenceNumbers, sequenceNumbers, (one, other) => {
        fc.pre(one.index !== other.index);
        const sameShard = { ...other, shardCreatedAtS: one.shardCreatedAtS, shardNumber: one.shardNumber };
        expect(BigInt(formatSequenceNumber(one)) < BigInt(formatSequenceNumber(sameShard))).toBe(
          one.index < other.index,
        );
        const child = { ...other, shardCreatedAtS: one.shardCreatedAtS + 1 };
        expect(BigInt(formatSequenceNumber(one)) < BigInt(formatSequenceNumber(child))).toBe(true);
      }),
    );
  });

  test("numbers of a batch are those of its records, one by one", () => {
    fc.assert(
      fc.property(sequenceNumbers, fc.integer({ min: 0, max: 20 }), (first, count) => {
        fc.pre(first.index + BigInt(count) <= SEQUENCE_INDEX_MAX);
        const expected = Array.from({ length: count }, (_, index) =>
          formatSequenceNumber({ ...first, index: first.index + BigInt(index) }),
        );
        expect(formatSequenceNumbers(first, count)).toEqual(expected);
      }),
    );
  });

  test.each([
    "",
    "-1",
    "0",
    "00",
    "1e5",
    "abc",
    "1",
    FROM_AWS.slice(1),
    `${FROM_AWS}0`,
    (BigInt(FROM_AWS) + 1n).toString(),
  ])("is not %j", (text) => {
    expect(parseSequenceNumber(text)).toBeUndefined();
  });
});

describe("a shard id", () => {
  test("reads as it was written", () => {
    expect(formatShardId(17)).toBe("shardId-000000000017");
    expect(parseShardId("shardId-000000000017")).toBe(17);
    expect(parseShardId("17")).toBe(17);
    expect(parseShardId("shard-17")).toBe(17);
  });

  test.each(["", "shardId-", "shardId-x", "shardId-2147483648", "shardId--1"])("is not %j", (text) => {
    expect(parseShardId(text)).toBeUndefined();
  });
});
