import fc from "fast-check";
import { expect, test } from "vitest";
import { HASH_KEY_MAX, parseHashKey, uniformHashKeyRanges } from "./hash-key.ts";

test("uniform ranges cover all keys, without gap or overlap", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), (count) => {
      const ranges = uniformHashKeyRanges(count);
      expect(ranges.length).toBe(count);
      let next = 0n;
      for (const { starting, ending } of ranges) {
        expect(starting).toBe(next);
        expect(ending >= starting).toBe(true);
        next = ending + 1n;
      }
      expect(next).toBe(HASH_KEY_MAX + 1n);
    }),
  );
});

test("three shards divide the keys as Kinesis does", () => {
  expect(uniformHashKeyRanges(3).map(({ ending }) => ending.toString())).toEqual([
    "113427455640312821154458202477256070484",
    "226854911280625642308916404954512140969",
    "340282366920938463463374607431768211455",
  ]);
});

test("hash keys are decimal, without leading zeros, below 2^128", () => {
  expect(parseHashKey("0")).toBe(0n);
  expect(parseHashKey(HASH_KEY_MAX.toString())).toBe(HASH_KEY_MAX);
  for (const text of ["", "00", "01", "-1", "1.0", "0x1", (HASH_KEY_MAX + 1n).toString()]) {
    expect(parseHashKey(text)).toBeUndefined();
  }
});
