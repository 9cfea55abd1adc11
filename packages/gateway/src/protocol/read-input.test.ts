import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AwsError } from "../errors.ts";
import { OPERATION_NAMES } from "../model/shapes.ts";
import { parseInput } from "./read-input.ts";

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** What a body is refused with. */
function refusal(run: () => unknown): Pick<AwsError, "awsName" | "text" | "messageMember"> {
  try {
    run();
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const { awsName, text, messageMember } = error;
    return { awsName, text, messageMember };
  }
  throw new Error("accepted");
}

const NUMBER = "com.amazon.coral.value.json.numbers.TruncatingBigNumber";
const LIST_FOUND = "Start of list found where not expected";
const STRUCTURE_FOUND = "Start of structure or map found where not expected.";

describe("wrong types are answered in the words of AWS", () => {
  const put = (Data: unknown) => ["PutRecord", { StreamName: "s", PartitionKey: "k", Data }] as const;
  const create = (member: object) => ["CreateStream", { StreamName: "s", ...member }] as const;
  const remove = (EnforceConsumerDeletion: unknown) =>
    ["DeleteStream", { StreamName: "s", EnforceConsumerDeletion }] as const;
  const iterator = (Timestamp: unknown) =>
    ["GetShardIterator", { StreamName: "s", ShardId: "0", ShardIteratorType: "LATEST", Timestamp }] as const;
  const tags = (Tags: unknown) => ["AddTagsToStream", { StreamName: "s", Tags }] as const;
  const records = (Records: unknown) => ["PutRecords", { StreamName: "s", Records }] as const;

  test.each([
    [create({ StreamName: true }), "class java.lang.Boolean can not be converted to an String"],
    [create({ StreamName: 1 }), `class ${NUMBER} can not be converted to an String`],
    [create({ StreamName: [] }), LIST_FOUND],
    [create({ StreamName: {} }), STRUCTURE_FOUND],
    [create({ ShardCount: true }), "class java.lang.Boolean can not be converted to an Integer"],
    [create({ ShardCount: "1" }), "class java.lang.String can not be converted to an Integer"],
    [create({ ShardCount: [] }), LIST_FOUND],
    [create({ ShardCount: {} }), STRUCTURE_FOUND],
    [remove(1), `class ${NUMBER} can not be converted to an Boolean`],
    [remove("maybe"), "'MAYBE' can not be converted to an Boolean"],
    [remove([]), LIST_FOUND],
    [remove({}), STRUCTURE_FOUND],
    [put(true), "class java.lang.Boolean can not be converted to a Blob"],
    [put(1234), `class ${NUMBER} can not be converted to a Blob`],
    [put([]), LIST_FOUND],
    [put({}), STRUCTURE_FOUND],
    [
      put("abc"),
      "'abc' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 3",
    ],
    [put("=aaa"), "'=aaa' can not be converted to a Blob: Invalid Base64 character: '='"],
    [put("+-=="), "'+-==' can not be converted to a Blob: Invalid Base64 character: '-'"],
    [put("YQ=="), undefined],
    [put("YR=="), "'YR==' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"],
    [put("YWF="), "'YWF=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"],
    [put("YŁ=="), "'YŁ==' can not be converted to a Blob: Invalid Base64 character: 'Ł'"],
    [iterator(true), "class java.lang.Boolean can not be converted to milliseconds since epoch"],
    [iterator("1"), "class java.lang.String can not be converted to milliseconds since epoch"],
    [iterator([]), LIST_FOUND],
    [iterator({}), STRUCTURE_FOUND],
    [tags("a"), "Expected map or null"],
    [tags(1), "Expected map or null"],
    [tags([]), LIST_FOUND],
    [records("a"), "Expected list or null"],
    [records(true), "Expected list or null"],
    [records({}), STRUCTURE_FOUND],
    [records([1]), "Expected null"],
    [records([[]]), LIST_FOUND],
    [create({ StreamModeDetails: "ON_DEMAND" }), "Expected null"],
    [create({ StreamModeDetails: [] }), LIST_FOUND],
    [["ListStreams", []] as const, LIST_FOUND],
  ])("%j -> %s", ([operation, input], text) => {
    const run = () => parseInput(operation, "json", json(input));
    if (text === undefined) expect(run).not.toThrow();
    else expect(refusal(run)).toEqual({ awsName: "SerializationException", text, messageMember: "Message" });
  });
});

test.each([
  "",
  "{",
  "[",
  '{"a":}',
  "null",
  "true",
  "1",
  '"a"',
  "{}}",
  '{"a" 1}',
  "{'a':1}",
  '{"a":01}',
  '{"a":"\t"}',
  "\ufeff{}",
])("the body %j is no document: SerializationException without a text", (text) => {
  expect(refusal(() => parseInput("ListStreams", "json", Buffer.from(text)))).toMatchObject({
    awsName: "SerializationException",
    text: undefined,
  });
});

test.each(["🦀", "ж", "\u0800"])("a long text of %s is no base64, and no failure of ours", (character) => {
  const input = { StreamName: "s", PartitionKey: "k", Data: character.repeat(300) };
  expect(refusal(() => parseInput("PutRecord", "json", json(input)))).toMatchObject({
    awsName: "SerializationException",
    text: expect.stringContaining(`Invalid Base64 character: '${character}'`) as string,
  });
});

test("bytes that are no UTF-8, endless nesting and millions of values are refused", () => {
  const bodies = [
    Buffer.concat([Buffer.from('{"ExclusiveStartStreamName":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    Buffer.from(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
    Buffer.from(`{"a":[${"[],".repeat(1_000_000)}[]]}`),
    Buffer.from(`{"a":[${"1,".repeat(2_000_000)}1]}`),
  ];
  for (const body of bodies) {
    expect(refusal(() => parseInput("ListStreams", "json", body)).awsName).toBe("SerializationException");
  }
});

test("unknown and null members are left out, of equal members the last one counts", () => {
  const body = Buffer.from('{"Limit":1,"Nonsense":{"deep":[1]},"NextToken":null,"__proto__":{"x":1},"Limit":2}');
  expect(parseInput("ListStreams", "json", body)).toEqual({ Limit: 2 });
});

test("numbers are floored and clamped, texts that mean a boolean are one", () => {
  const parse = (Limit: string) => parseInput("ListStreams", "json", Buffer.from(`{"Limit":${Limit}}`)).Limit;
  expect(parse("1.9")).toBe(1);
  expect(parse("1e3")).toBe(1000);
  expect(refusal(() => parse("1e400")).text).toContain("Value '2147483647' at 'limit'");
  expect(refusal(() => parse("-99999999999999999999")).text).toContain("Value '-2147483648' at 'limit'");
  for (const [text, value] of [
    ["TRUE", true],
    ["yes", true],
    ["1", true],
    ["false", false],
    ["No", false],
    ["0", false],
  ] as const) {
    const input = parseInput("DeleteStream", "json", json({ StreamName: "s", EnforceConsumerDeletion: text }));
    expect(input.EnforceConsumerDeletion).toBe(value);
  }
});

test("a JSON timestamp is seconds with a fraction, in any notation", () => {
  const parse = (text: string) =>
    parseInput(
      "GetShardIterator",
      "json",
      Buffer.from(`{"StreamName":"s","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":${text}}`),
    ).Timestamp;
  expect(parse("1700000000.123")).toBe(1_700_000_000_123);
  expect(parse("1700000000")).toBe(1_700_000_000_000);
  expect(parse("1.441215410867E9")).toBe(1_441_215_410_867);
});

test("whatever the bytes are, only errors of the API come out", () => {
  const operation = fc.constantFrom(...OPERATION_NAMES);
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .dictionary(
        fc.constantFrom("StreamName", "Records", "Data", "Limit", "Tags", "StreamARN", "ShardFilter"),
        fc.jsonValue(),
      )
      .map(json),
  );
  fc.assert(
    fc.property(operation, fc.constantFrom("json", "cbor"), body, (name, encoding, bytes) => {
      try {
        parseInput(name, encoding, bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(AwsError);
      }
    }),
    { numRuns: 2_000 },
  );
});
