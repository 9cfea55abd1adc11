import { md5Words } from "@millrace/proto";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AwsError } from "../errors.ts";
import { compareHashKeys, hashKeyOf, readHashKey } from "./hash-key.ts";
import { parsePut, parsePutSlowly, routingHashKey, type PutBatch } from "./put-batch.ts";
import { scanPut } from "./put-scanner.ts";

function contents(batch: PutBatch): object {
  const slice = (buffer: Buffer, offsets: Uint32Array, lengths: Uint32Array, index: number): string =>
    buffer.toString("hex", offsets[index], (offsets[index] as number) + (lengths[index] as number));
  const { streamName, streamArn, dryRun, sequenceNumberForOrdering, count } = batch;
  const records = Array.from({ length: count }, (_, index) => ({
    key: slice(batch.keys, batch.keyOffsets, batch.keyLengths, index),
    hashKey: slice(batch.keys, batch.hashKeyOffsets, batch.hashKeyLengths, index),
    data: slice(batch.data, batch.dataOffsets, batch.dataLengths, index),
  }));
  return { streamName, streamArn, dryRun, sequenceNumberForOrdering, records, dataSizeBytes: batch.data.length };
}

/** What the scanner takes, the general parser must take with the same result. */
function checkAgreement(operation: "PutRecord" | "PutRecords", body: Buffer): void {
  const scanned = scanPut(operation, body);
  let parsed: object | AwsError;
  try {
    parsed = contents(parsePutSlowly(operation, "json", body));
  } catch (error) {
    expect(error).toBeInstanceOf(AwsError);
    parsed = error as AwsError;
  }
  if (scanned !== undefined) expect(contents(scanned)).toEqual(parsed);
}

const data = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 230, maxLength: 260 }));
const entry = fc.record(
  {
    Data: data.map((bytes) => Buffer.from(bytes).toString("base64")),
    PartitionKey: fc.oneof(
      fc.string({ minLength: 1, maxLength: 20 }),
      fc.string({ unit: "binary", minLength: 1, maxLength: 300 }),
    ),
    ExplicitHashKey: fc.bigInt({ min: 0n, max: 2n ** 129n }).map(String),
  },
  { requiredKeys: ["Data", "PartitionKey"] },
);
const common = {
  StreamName: fc.constantFrom("s", "my-stream_1.x", "bad name", ""),
  StreamARN: fc.constantFrom("arn:aws:kinesis:eu-west-1:000000000000:stream/s", "junk"),
  DryRun: fc.boolean(),
};
const putRecords = fc.record(
  { ...common, Records: fc.array(entry, { minLength: 1, maxLength: 5 }), Other: fc.constantFrom(1, null) },
  { requiredKeys: ["Records"] },
);
const putRecord = fc
  .tuple(
    entry,
    fc.record({ ...common, SequenceNumberForOrdering: fc.constantFrom("1", "0", "01", "12x") }, { requiredKeys: [] }),
  )
  .map((parts) => Object.assign({}, ...(parts as object[])) as object);
const indent = fc.constantFrom(undefined, 1, "\t");

describe("the scanner and the general parser agree", () => {
  test("on bodies as SDKs write them", () => {
    fc.assert(
      fc.property(putRecords, indent, (input, space) =>
        checkAgreement("PutRecords", Buffer.from(JSON.stringify(input, null, space))),
      ),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(putRecord, indent, (input, space) =>
        checkAgreement("PutRecord", Buffer.from(JSON.stringify(input, null, space))),
      ),
      { numRuns: 1_000 },
    );
  });

  test("on bodies with a byte changed, taken out or put in", () => {
    const mutation = fc.record({
      at: fc.nat(),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[],:=-_ \n0'))),
      kind: fc.constantFrom("set", "cut", "insert"),
    });
    fc.assert(
      fc.property(putRecords, fc.array(mutation, { minLength: 1, maxLength: 3 }), (input, mutations) => {
        let body = Buffer.from(JSON.stringify(input));
        for (const { at, byte, kind } of mutations) {
          const offset = at % body.length;
          const before = body.subarray(0, kind === "insert" ? offset : offset);
          const after = body.subarray(kind === "insert" ? offset : offset + 1);
          body = Buffer.concat([before, kind === "cut" ? Buffer.alloc(0) : Buffer.from([byte]), after]);
        }
        checkAgreement("PutRecords", body);
      }),
      { numRuns: 3_000 },
    );
  });

  test("on large data, whose base64 is decoded in pieces", () => {
    for (const sizeBytes of [49_151, 49_152, 49_153, 49_154, 200_001]) {
      const Data = Buffer.alloc(sizeBytes, 0xa7).toString("base64");
      const body = Buffer.from(JSON.stringify({ PartitionKey: "k", Data }));
      expect(scanPut("PutRecord", body)).toBeDefined();
      checkAgreement("PutRecord", body);
      for (const at of [30, 65_536, 66_000, body.length - 3]) {
        for (const character of "=-_ ~") {
          const broken = Buffer.from(body);
          broken.write(character, Math.min(at, body.length - 3));
          if (broken.equals(body)) continue;
          expect(scanPut("PutRecord", broken)).toBeUndefined();
          checkAgreement("PutRecord", broken);
        }
      }
    }
  });
});

test("what SDKs send is taken by the scanner", () => {
  const Records = [
    { Data: "aGk=", PartitionKey: "käy", ExplicitHashKey: "0" },
    { PartitionKey: "k", Data: "" },
  ];
  for (const body of [
    JSON.stringify({ Records, StreamName: "s" }), // JS
    '{"StreamName": "s", "Records": [{"Data": "aGk=", "PartitionKey": "k"}]}', // boto3
    JSON.stringify({ StreamARN: "arn:aws:kinesis:eu-west-1:000000000000:stream/s", Records }, null, "\t"), // KPL
  ]) {
    expect(scanPut("PutRecords", Buffer.from(body))).toBeDefined();
  }
  const batch = parsePut("PutRecords", "json", Buffer.from(JSON.stringify({ Records, StreamName: "s" })));
  expect(contents(batch)).toMatchObject({
    streamName: "s",
    records: [
      { data: "6869", hashKey: "30" },
      { data: "", hashKey: "" },
    ],
  });
});

test("a record's hash key left over from another request is not seen again", () => {
  const put = (member: object) =>
    parsePut("PutRecord", "json", Buffer.from(JSON.stringify({ PartitionKey: "k", Data: "", ...member })));
  expect(put({ ExplicitHashKey: "5" }).hashKeyLengths[0]).toBe(1);
  expect(put({}).hashKeyLengths[0]).toBe(0);
});

test("half a surrogate pair at the end of a key does not join the other half in the next one", () => {
  const body =
    '{"StreamName":"s","Records":[{"PartitionKey":"a\\ud83d","Data":""},{"PartitionKey":"\\ude00b","Data":""},' +
    '{"PartitionKey":"third","Data":""}]}';
  const batch = parsePut("PutRecords", "json", Buffer.from(body));
  const keys = ["a\ufffd", "\ufffdb", "third"].map((key) => ({ key: Buffer.from(key).toString("hex") }));
  expect(contents(batch)).toMatchObject({ records: keys });
});

describe("hash keys", () => {
  test("MD5 agrees with OpenSSL at every length", () => {
    const words = new Uint32Array(4);
    const check = (bytes: Uint8Array, start: number): void => {
      md5Words(bytes, start, bytes.length - start, words);
      const expected = createHash("md5").update(bytes.subarray(start)).digest();
      expect([...words]).toEqual([0, 4, 8, 12].map((offset) => expected.readUInt32BE(offset)));
    };
    for (let length = 0; length < 200; length++) check(Buffer.alloc(length, length), 0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_024 }), (bytes) => check(bytes, Math.min(3, bytes.length))),
      { numRuns: 300 },
    );
  });

  test("decimals up to 2^128 - 1 are read, and ordered as numbers", () => {
    const key = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });
    const value = (words: Uint32Array): bigint => words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(value(hashKeyOf(String(a)))).toBe(a);
        expect(Math.sign(compareHashKeys(hashKeyOf(String(a)), hashKeyOf(String(b))))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
    const words = new Uint32Array(4);
    for (const text of [
      "340282366920938463463374607431768211456",
      "999999999999999999999999999999999999999",
      "",
      "1x",
    ]) {
      expect(readHashKey(Buffer.from(text), 0, text.length, words)).toBe(false);
    }
  });

  test("an explicit key beyond the range is named in the error", () => {
    const hashKey = "340282366920938463463374607431768211456";
    const body = Buffer.from(JSON.stringify({ PartitionKey: "k", Data: "", ExplicitHashKey: hashKey }));
    expect(() => routingHashKey(parsePut("PutRecord", "json", body), 0, new Uint32Array(4))).toThrow(
      `Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${hashKey}`,
    );
  });
});
