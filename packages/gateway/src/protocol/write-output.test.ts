import { describe, expect, test } from "vitest";
import { awsError } from "../errors.ts";
import { OPERATION_NAMES, operationOf } from "../model/shapes.ts";
import { readCbor } from "./read-cbor.ts";
import { CborTimestamp } from "./wire-value.ts";
import { serializeError, serializeOutput } from "./write-output.ts";

const page = {
  Records: [
    {
      SequenceNumber: "1",
      ApproximateArrivalTimestamp: 1_441_215_410_867,
      Data: Buffer.from("héllo"),
      PartitionKey: 'a"é\u2028',
    },
    { SequenceNumber: "2", ApproximateArrivalTimestamp: 1_441_215_410_000, Data: Buffer.alloc(0), PartitionKey: "b" },
  ],
  NextShardIterator: undefined,
  MillisBehindLatest: 0,
  ChildShards: [],
};

test("JSON: timestamps in seconds with a fraction, blobs in base64, absent members left out, lists never null", () => {
  expect(serializeOutput("GetRecords", "json", page).toString()).toBe(
    '{"Records":[{"SequenceNumber":"1","ApproximateArrivalTimestamp":1441215410.867,"Data":"aMOpbGxv","PartitionKey":"a\\"é\u2028"},' +
      '{"SequenceNumber":"2","ApproximateArrivalTimestamp":1441215410,"Data":"","PartitionKey":"b"}],"MillisBehindLatest":0,"ChildShards":[]}',
  );
});

test("CBOR: timestamps are tag 1 and integer milliseconds, blobs are bytes", () => {
  const bytes = serializeOutput("GetRecords", "cbor", page);
  expect(bytes.includes(Buffer.from("c11b0000014f8f21f2b3", "hex"))).toBe(true);
  expect(readCbor(bytes)).toEqual({
    Records: [
      {
        SequenceNumber: "1",
        ApproximateArrivalTimestamp: new CborTimestamp(1_441_215_410_867),
        Data: Buffer.from("héllo"),
        PartitionKey: 'a"é\u2028',
      },
      {
        SequenceNumber: "2",
        ApproximateArrivalTimestamp: new CborTimestamp(1_441_215_410_000),
        Data: Buffer.alloc(0),
        PartitionKey: "b",
      },
    ],
    MillisBehindLatest: 0,
    ChildShards: [],
  });
});

test("the compact form that Fluent Bit looks for", () => {
  const output = { FailedRecordCount: 0, Records: [{ SequenceNumber: "1", ShardId: "shardId-000000000000" }] };
  expect(serializeOutput("PutRecords", "json", output).toString()).toContain('"FailedRecordCount":0');
});

test("large pages grow the buffer without losing a byte", () => {
  const data = Buffer.alloc(3_000_001, 7);
  const Records = [1, 2, 3].map((number) => ({ SequenceNumber: String(number), Data: data, PartitionKey: "k" }));
  const json = JSON.parse(serializeOutput("GetRecords", "json", { Records }).toString()) as {
    Records: { Data: string }[];
  };
  expect(json.Records.every(({ Data }) => Buffer.from(Data, "base64").equals(data))).toBe(true);
  const cbor = readCbor(serializeOutput("GetRecords", "cbor", { Records })) as unknown as {
    Records: { Data: Buffer }[];
  };
  expect(cbor.Records.every(({ Data }) => Data.equals(data))).toBe(true);
});

test("operations without an output shape have an empty body in both encodings", () => {
  const empty = OPERATION_NAMES.filter((name) => operationOf(name).output === undefined);
  expect(empty).toEqual([
    "AddTagsToStream",
    "CreateStream",
    "DecreaseStreamRetentionPeriod",
    "DeleteChannel",
    "DeleteQueue",
    "DeleteResourcePolicy",
    "DeleteStream",
    "DeregisterStreamConsumer",
    "IncreaseStreamRetentionPeriod",
    "MergeShards",
    "PutResourcePolicy",
    "RemoveTagsFromStream",
    "SplitShard",
    "StartStreamEncryption",
    "StopStreamEncryption",
    "TagResource",
    "UntagResource",
    "UpdateMaxRecordSize",
    "UpdateStreamMode",
    "UpdateStreamRecordDistributionStrategy",
  ]);
  expect(serializeOutput("CreateStream", "json", undefined)).toHaveLength(0);
  expect(serializeOutput("CreateStream", "cbor", undefined)).toHaveLength(0);
});

describe("error bodies", () => {
  test.each([
    [
      awsError("STREAM_NOT_FOUND", { stream: "s", accountId: "1" }),
      { __type: "ResourceNotFoundException", message: "Stream s under account 1 not found." },
    ],
    [awsError("WRONG_TYPE", { text: "Expected null" }), { __type: "SerializationException", Message: "Expected null" }],
    [awsError("SERIALIZATION", {}), { __type: "SerializationException" }],
    [awsError("UNKNOWN_OPERATION", {}), { __type: "UnknownOperationException" }],
    [awsError("INTERNAL_FAILURE", {}), { __type: "InternalFailure" }],
  ])("%s", (error, body) => {
    expect(JSON.parse(serializeError("json", error).toString())).toEqual(body);
    expect(readCbor(serializeError("cbor", error))).toEqual(body);
  });

  test("an expired iterator names both times and the delay", () => {
    const error = awsError("EXPIRED_ITERATOR", {
      createdMs: Date.UTC(2015, 0, 22, 1, 22, 2),
      nowMs: Date.UTC(2015, 0, 22, 1, 28, 2),
      toleranceMs: 300_000,
    });
    expect(error.text).toBe(
      "Iterator expired. The iterator was created at time Thu Jan 22 01:22:02 UTC 2015 while right now it is Thu Jan 22 01:28:02 UTC 2015 " +
        "which is further in the future than the tolerated delay of 300000 milliseconds.",
    );
  });
});
