import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AwsError } from "../errors.ts";
import { readCbor } from "./read-cbor.ts";
import { parseInput } from "./read-input.ts";
import { CborTimestamp } from "./wire-value.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("examples of RFC 8949, appendix A", () => {
  test.each<[string, unknown]>([
    ["00", 0],
    ["17", 23],
    ["18 18", 24],
    ["19 03e8", 1000],
    ["1a 000f4240", 1_000_000],
    ["1b 000000e8d4a51000", 1e12],
    ["20", -1],
    ["38 63", -100],
    ["39 03e7", -1000],
    ["c2 49 010000000000000000", 2 ** 64],
    ["c3 49 010000000000000000", -1 - 2 ** 64],
    ["f9 0000", 0],
    ["f9 3c00", 1],
    ["fb 3ff199999999999a", 1.1],
    ["f9 7bff", 65504],
    ["fa 47c35000", 100000],
    ["f9 0001", 5.960464477539063e-8],
    ["f9 c400", -4],
    ["f9 7c00", Infinity],
    ["f9 7e00", NaN],
    ["fb fff0000000000000", -Infinity],
    ["f4", false],
    ["f5", true],
    ["f6", null],
    ["f7", null],
    ["40", Buffer.alloc(0)],
    ["44 01020304", hex("01020304")],
    ["60", ""],
    ["64 49455446", "IETF"],
    ["62 c3bc", "ü"],
    ["80", []],
    ["83 010203", [1, 2, 3]],
    ["a0", {}],
    ["a2 6161 01 6162 820203", { a: 1, b: [2, 3] }],
    ["5f 42 0102 43 030405 ff", hex("0102030405")],
    ["7f 65 7374726561 64 6d696e67 ff", "streaming"],
    ["9f ff", []],
    ["9f 01 820203 9f0405ff ff", [1, [2, 3], [4, 5]]],
    ["bf 6346756e f5 63416d74 21 ff", { Fun: true, Amt: -2 }],
    ["5f ff", Buffer.alloc(0)],
    ["d9 d9f7 01", 1],
    ["c1 1b 0000018bcfe5687b", new CborTimestamp(1_700_000_000_123)],
  ])("%s", (bytes, value) => {
    expect(readCbor(hex(bytes))).toEqual(value);
  });
});

test.each([
  "",
  "18",
  "19 00",
  "1a 000000",
  "1b 00",
  "1c",
  "1f",
  "3f",
  "41",
  "5b ffffffffffffffff",
  "5f 41",
  "5f 61 61 ff",
  "61",
  "62 c3 28",
  "7f 41 61 ff",
  "7f",
  "81",
  "9f",
  "9b ffffffffffffffff",
  "a1 01 02",
  "a1 61 61",
  "a1 61 61 ff",
  "bf 61 61 ff",
  "bf",
  "c1",
  "c1 61 61",
  "c2 01",
  "df 00",
  "f8 20",
  "fc",
  "ff",
  "00 00",
  "81 ff",
  "fb 00",
])("malformed or truncated bytes %s are a SerializationException", (bytes) => {
  expect(() => readCbor(hex(bytes))).toThrow(AwsError);
});

test("nesting and the number of items are bounded", () => {
  for (const bytes of [Buffer.alloc(1_000_000, 0x81), Buffer.alloc(1_000_000, 0x9f), Buffer.alloc(1_000_000, 0xc6)]) {
    expect(() => readCbor(bytes)).toThrow(AwsError);
  }
  const many = Buffer.concat([hex("9f"), Buffer.alloc(1_000_000, 0x80), hex("ff")]);
  expect(() => readCbor(many)).toThrow(AwsError);
});

test("a request as the Java SDK writes it: outer map indefinite, timestamp in tagged milliseconds", () => {
  const right = hex(
    "bf 6a53747265616d4e616d65 6173 6753686172644964 69736861726449642d30" +
      "71 53686172644974657261746f7254797065 6c 41545f54494d455354414d50 69 54696d657374616d70 c1 1b0000018bcfe5687b ff",
  );
  expect(parseInput("GetShardIterator", "cbor", right)).toEqual({
    StreamName: "s",
    ShardId: "shardId-0",
    ShardIteratorType: "AT_TIMESTAMP",
    Timestamp: 1_700_000_000_123,
  });
});

test("definite and indefinite forms, other orders and unknown members mean the same", () => {
  const definite = hex("a3 64 44617461 42 6869 6c 506172746974696f6e4b6579 61 6b 6a 53747265616d4e616d65 61 73");
  const indefinite = hex(
    "bf 7f 66 53747265616d 64 4e616d65 ff 7f 61 73 ff 61 78 9f a0 ff 6c 506172746974696f6e4b6579 7f 61 6b ff 64 44617461 5f 41 68 41 69 ff ff",
  );
  const expected = { StreamName: "s", PartitionKey: "k", Data: Buffer.from("hi") };
  expect(parseInput("PutRecord", "cbor", definite)).toEqual(expected);
  expect(parseInput("PutRecord", "cbor", indefinite)).toEqual(expected);
  for (let length = 0; length < indefinite.length; length++) {
    expect(() => parseInput("PutRecord", "cbor", indefinite.subarray(0, length))).toThrow(AwsError);
  }
});

test("random bytes give a value or an AwsError, never another error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        readCbor(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(AwsError);
      }
    }),
    { numRuns: 5_000 },
  );
});
