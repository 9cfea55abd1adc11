/**
 * The framing of `application/vnd.amazon.eventstream`, big-endian:
 *   u32 total length · u32 headers length · u32 CRC-32 of these 8 bytes · headers · payload · u32 CRC-32 of all before
 *   header: u8 name length · name · u8 type (7: string) · u16 value length · value
 * Payloads are JSON always, also for clients that speak CBOR otherwise.
 */
import { assert } from "@millrace/util";
import type { AwsError } from "../errors.ts";
import { crc32 } from "./crc32.ts";
import { serializeShape } from "./write-output.ts";
import { CONTENT_TYPES } from "./wire-value.ts";

export const EVENT_STREAM_CONTENT_TYPE = "application/vnd.amazon.eventstream";

const PRELUDE_SIZE_BYTES = 12;
const CRC_SIZE_BYTES = 4;
const HEADER_TYPE_STRING = 7;
export const PAYLOAD_SIZE_BYTES_MAX = 24 * 1024 * 1024;

const EMPTY = Buffer.alloc(0);

/** The mandatory first message: boto3 refuses a stream without it. */
export function encodeInitialResponse(): Buffer {
  return encodeEvent("initial-response", Buffer.from("{}"));
}

/** An event of the model, such as `SubscribeToShardEvent`. */
export function encodeModelEvent(shapeName: string, value: object): Buffer {
  return encodeEvent(shapeName, serializeShape(shapeName, "json", value));
}

/** @param payload JSON */
export function encodeEvent(eventType: string, payload: Uint8Array): Buffer {
  return encodeMessage(
    [
      [":message-type", "event"],
      [":event-type", eventType],
      [":content-type", CONTENT_TYPES.json],
    ],
    payload,
  );
}

/** Ends a stream with an error that the model lists as a member of the stream's union. */
export function encodeException(error: AwsError): Buffer {
  return encodeMessage(
    [
      [":message-type", "exception"],
      // In streams the internal failure has its modelled name, unlike in ordinary answers.
      [":exception-type", error.awsName === "InternalFailure" ? "InternalFailureException" : error.awsName],
      [":content-type", CONTENT_TYPES.json],
    ],
    Buffer.from(JSON.stringify({ message: error.text ?? error.awsName })),
  );
}

/** Ends a stream with an error outside the model. */
export function encodeUnmodelledError(code: string, message: string): Buffer {
  return encodeMessage(
    [
      [":message-type", "error"],
      [":error-code", code],
      [":error-message", message],
    ],
    EMPTY,
  );
}

export function encodeMessage(
  headers: readonly (readonly [name: string, value: string])[],
  payload: Uint8Array,
): Buffer {
  assert(payload.length <= PAYLOAD_SIZE_BYTES_MAX, "an event holds at most a page of records");
  const encodedHeaders = Buffer.concat(headers.map(([name, value]) => encodeHeader(name, value)));
  const totalBytes = PRELUDE_SIZE_BYTES + encodedHeaders.length + payload.length + CRC_SIZE_BYTES;
  const message = Buffer.allocUnsafe(totalBytes);
  message.writeUInt32BE(totalBytes, 0);
  message.writeUInt32BE(encodedHeaders.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  message.set(encodedHeaders, PRELUDE_SIZE_BYTES);
  message.set(payload, PRELUDE_SIZE_BYTES + encodedHeaders.length);
  message.writeUInt32BE(crc32(message.subarray(0, totalBytes - CRC_SIZE_BYTES)), totalBytes - CRC_SIZE_BYTES);
  return message;
}

function encodeHeader(name: string, value: string): Buffer {
  const nameBytes = Buffer.from(name);
  const valueBytes = Buffer.from(value);
  assert(nameBytes.length <= 0xff, "a header's name fits its length byte");
  assert(valueBytes.length <= 0x7fff, "a header's value fits the format's limit");
  const head = Buffer.from([
    nameBytes.length,
    ...nameBytes,
    HEADER_TYPE_STRING,
    valueBytes.length >> 8,
    valueBytes.length & 0xff,
  ]);
  return Buffer.concat([head, valueBytes]);
}
