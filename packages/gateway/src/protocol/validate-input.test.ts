import { describe, expect, test } from "vitest";
import { AwsError } from "../errors.ts";
import type { OperationName } from "../model/shapes.ts";
import { parseInput } from "./read-input.ts";

function violations(operation: OperationName, input: object): string[] {
  try {
    parseInput(operation, "json", Buffer.from(JSON.stringify(input)));
    return [];
  } catch (error) {
    if (!(error instanceof AwsError) || error.awsName !== "ValidationException") throw error;
    const match = /^(\d+) validation errors? detected: (.*)$/su.exec(error.text ?? "");
    const list = (match?.[2] ?? "").split(/; (?=Value )/u);
    expect(match?.[1]).toBe(String(list.length));
    expect(error.text?.includes("errors detected")).toBe(list.length !== 1);
    return list;
  }
}

const broken = (value: string, path: string, constraint: string): string =>
  `Value ${value} at '${path}' failed to satisfy constraint: ${constraint}`;
const NOT_NULL = "Member must not be null";
const NAME_PATTERN = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
const atLeast = (length: number): string => `Member must have length greater than or equal to ${length}`;
const atMost = (length: number): string => `Member must have length less than or equal to ${length}`;
const record = { PartitionKey: "a", Data: "" };

describe("constraints of the model", () => {
  test.each<[OperationName, object, string[]]>([
    ["CreateStream", {}, [broken("null", "streamName", NOT_NULL)]],
    [
      "CreateStream",
      { StreamName: "" },
      [broken("''", "streamName", NAME_PATTERN), broken("''", "streamName", atLeast(1))],
    ],
    ["CreateStream", { StreamName: "a;" }, [broken("'a;'", "streamName", NAME_PATTERN)]],
    ["CreateStream", { StreamName: "a\n" }, [broken("'a\n'", "streamName", NAME_PATTERN)]],
    ["CreateStream", { StreamName: "a".repeat(129) }, [broken(`'${"a".repeat(129)}'`, "streamName", atMost(128))]],
    ["CreateStream", { StreamName: "a".repeat(128), ShardCount: 1 }, []],
    [
      "CreateStream",
      { StreamName: "a", ShardCount: 0 },
      [broken("'0'", "shardCount", "Member must have value greater than or equal to 1")],
    ],
    [
      "CreateStream",
      { StreamName: "a", StreamModeDetails: {} },
      [broken("null", "streamModeDetails.streamMode", NOT_NULL)],
    ],
    [
      "CreateStream",
      { StreamName: "a", StreamModeDetails: { StreamMode: "X" } },
      [broken("'X'", "streamModeDetails.streamMode", "Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]")],
    ],
    [
      "ListStreams",
      { Limit: 10_001 },
      [broken("'10001'", "limit", "Member must have value less than or equal to 10000")],
    ],
    [
      "GetShardIterator",
      { ShardId: "0", ShardIteratorType: "foo", StartingSequenceNumber: "01" },
      [
        broken(
          "'foo'",
          "shardIteratorType",
          "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
        ),
        broken("'01'", "startingSequenceNumber", "Member must satisfy regular expression pattern: 0|([1-9]\\d{0,128})"),
      ],
    ],
    [
      "SplitShard",
      { ShardToSplit: "0", NewStartingHashKey: "-1" },
      [broken("'-1'", "newStartingHashKey", "Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})")],
    ],
    ["PutRecord", {}, [broken("null", "data", NOT_NULL), broken("null", "partitionKey", NOT_NULL)]],
    ["PutRecord", { PartitionKey: "a", Data: null }, [broken("null", "data", NOT_NULL)]],
    ["PutRecord", { ...record }, []],
    ["PutRecord", { ...record, PartitionKey: "" }, [broken("''", "partitionKey", atLeast(1))]],
    ["PutRecord", { ...record, PartitionKey: "é".repeat(256) }, []],
    [
      "PutRecord",
      { ...record, PartitionKey: "é".repeat(257) },
      [broken(`'${"é".repeat(257)}'`, "partitionKey", atMost(256))],
    ],
    [
      "PutRecord",
      { ...record, Data: Buffer.alloc(10_485_761).toString("base64") },
      [broken("'java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]'", "data", atMost(10_485_760))],
    ],
    ["PutRecords", {}, [broken("null", "records", NOT_NULL)]],
    ["PutRecords", { Records: [] }, [broken("'[]'", "records", atLeast(1))]],
    ["PutRecords", { Records: [record, { Data: "" }] }, [broken("null", "records.2.member.partitionKey", NOT_NULL)]],
    [
      "PutRecords",
      { Records: [{ PartitionKey: "a" }, null] },
      [broken("null", "records.1.member.data", NOT_NULL), broken("null", "records.2.member", NOT_NULL)],
    ],
    ["AddTagsToStream", { StreamName: "a", Tags: {} }, [broken("'{}'", "tags", atLeast(1))]],
    [
      "AddTagsToStream",
      { StreamName: "a", Tags: { "": "v", k: "v".repeat(257), n: null } },
      [
        broken(
          `'{=v, k=${"v".repeat(257)}, n=null}'`,
          "tags",
          `Map keys must satisfy constraint: [${atMost(128)}, ${atLeast(1)}]`,
        ),
        broken(
          `'{=v, k=${"v".repeat(257)}, n=null}'`,
          "tags",
          `Map value must satisfy constraint: [${atMost(256)}, ${atLeast(0)}]`,
        ),
        broken("null", "tags.n.member", NOT_NULL),
      ],
    ],
    ["AddTagsToStream", { StreamName: "a", Tags: { ["__proto__"]: "v" } }, []],
    [
      "RemoveTagsFromStream",
      { StreamName: "a", TagKeys: ["", "b"] },
      [broken("'[, b]'", "tagKeys", `Member must satisfy constraint: [${atMost(128)}, ${atLeast(1)}]`)],
    ],
    ["ListShards", { ShardFilter: {} }, [broken("null", "shardFilter.type", NOT_NULL)]],
    ["DescribeStreamSummary", { StreamARN: "arn:aws:kinesis:eu-west-1:000000000000:stream/a" }, []],
  ])("%s, case %#", (operation, input, expected) => {
    expect(violations(operation, input)).toEqual(expected);
  });

  test("no more than ten are reported", () => {
    const Records = Array.from({ length: 500 }, () => ({}));
    expect(violations("PutRecords", { Records })).toHaveLength(10);
  });

  test("a list of structures prints as Java prints it", () => {
    const [first] = violations("PutRecords", { Records: Array.from({ length: 501 }, () => record) });
    expect(first).toMatch(
      /^Value '\[com\.amazonaws\.kinesis\.v20131202\.PutRecordsRequestEntry@[0-9a-f]+, .*' at 'records' failed/u,
    );
    expect(first?.length).toBeLessThan(5_000);
  });

  test("hostile ARNs take no time", () => {
    const StreamARN = `arn:aws${":kinesis:".repeat(100)}${":123456789012:".repeat(70)}stream`;
    const started = performance.now();
    expect(violations("DescribeStreamSummary", { StreamARN })).toHaveLength(1);
    expect(performance.now() - started).toBeLessThan(100);
  });

  test("a stream that distributes records by itself needs no partition key", () => {
    const body = Buffer.from(JSON.stringify({ StreamName: "auto", Records: [{ Data: "" }] }));
    const isPartitionKeyOptional = (input: Readonly<Record<string, unknown>>): boolean =>
      input["StreamName"] === "auto";
    expect(parseInput("PutRecords", "json", body, { isPartitionKeyOptional }).Records).toHaveLength(1);
    expect(() => parseInput("PutRecords", "json", body)).toThrow("partitionKey");
  });
});
