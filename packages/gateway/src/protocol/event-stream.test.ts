import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { awsError } from "../errors.ts";
import { crc32 } from "./crc32.ts";
import { encodeException, encodeInitialResponse, encodeModelEvent, encodeUnmodelledError } from "./event-stream.ts";

/** Reads a message back by the layout of the specification, checking every length and sum. */
function decode(message: Buffer): { headers: Record<string, string>; payload: string } {
  expect(message.readUInt32BE(0)).toBe(message.length);
  const headersLength = message.readUInt32BE(4);
  expect(message.readUInt32BE(8)).toBe(slowCrc32(message.subarray(0, 8)));
  expect(message.readUInt32BE(message.length - 4)).toBe(slowCrc32(message.subarray(0, -4)));
  const headers: Record<string, string> = {};
  let offset = 12;
  while (offset < 12 + headersLength) {
    const nameLength = message.readUInt8(offset);
    const name = message.toString("utf8", offset + 1, offset + 1 + nameLength);
    offset += 1 + nameLength;
    expect(message.readUInt8(offset)).toBe(7);
    const valueLength = message.readUInt16BE(offset + 1);
    headers[name] = message.toString("utf8", offset + 3, offset + 3 + valueLength);
    offset += 3 + valueLength;
  }
  expect(offset).toBe(12 + headersLength);
  return { headers, payload: message.toString("utf8", offset, message.length - 4) };
}

function slowCrc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test("CRC-32 has its check value, and agrees with the definition on any bytes", () => {
  expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => crc32(bytes) === slowCrc32(bytes)));
});

test("the first message, byte by byte", () => {
  expect(encodeInitialResponse().toString("hex")).toBe(
    [
      "00000072", // 114 = 16 + 96 + 2
      "00000060",
      "ab820d9e",
      "0d3a6d6573736167652d74797065 07 0005 6576656e74", // :message-type event
      "0b3a6576656e742d74797065 07 0010 696e697469616c2d726573706f6e7365", // :event-type initial-response
      "0d3a636f6e74656e742d74797065 07 001a 6170706c69636174696f6e2f782d616d7a2d6a736f6e2d312e31", // :content-type
      "7b7d",
      "e16e66e4",
    ]
      .join("")
      .replaceAll(" ", ""),
  );
});

describe("messages", () => {
  test("an event carries JSON of the model", () => {
    const event = {
      Records: [
        { SequenceNumber: "1", Data: Buffer.from("hi"), PartitionKey: "k", ApproximateArrivalTimestamp: 1_500 },
      ],
      ContinuationSequenceNumber: "1",
      MillisBehindLatest: 0,
    };
    expect(decode(encodeModelEvent("SubscribeToShardEvent", event))).toEqual({
      headers: {
        ":message-type": "event",
        ":event-type": "SubscribeToShardEvent",
        ":content-type": "application/x-amz-json-1.1",
      },
      payload:
        '{"Records":[{"SequenceNumber":"1","ApproximateArrivalTimestamp":1.5,"Data":"aGk=","PartitionKey":"k"}],"ContinuationSequenceNumber":"1","MillisBehindLatest":0}',
    });
  });

  test("an error of the model is an exception message", () => {
    expect(decode(encodeException(awsError("RESOURCE_IN_USE", { text: "Another one." })))).toEqual({
      headers: {
        ":message-type": "exception",
        ":exception-type": "ResourceInUseException",
        ":content-type": "application/x-amz-json-1.1",
      },
      payload: '{"message":"Another one."}',
    });
    expect(decode(encodeException(awsError("INTERNAL_FAILURE", {}))).headers[":exception-type"]).toBe(
      "InternalFailureException",
    );
  });

  test("any other error is an error message", () => {
    expect(decode(encodeUnmodelledError("Gone", "bye"))).toEqual({
      headers: { ":message-type": "error", ":error-code": "Gone", ":error-message": "bye" },
      payload: "",
    });
  });
});
