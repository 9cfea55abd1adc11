import { BufferPool, MIB, scaledToMemory } from "@millrace/util";

/** The one message of the data streams (proto/millrace/v1/frame.proto) with its payload as a view, never a copy. */
export interface RawFrame {
  readonly payload: Buffer;
  /** The whole message, when the payload was written with `frameWithRoom`: it is sent without another copy. */
  readonly encoded?: Buffer;
}

const MEMORY = new BufferPool(scaledToMemory(64 * MIB));

/** Its memory is used for another frame from now on: the stream that it was written to has taken it. */
export function recycleFrame({ encoded }: RawFrame): void {
  if (encoded !== undefined) MEMORY.give(encoded);
}

/** A frame whose payload, of exactly this size, is yet to be written. */
export function frameWithRoom(payloadSizeBytes: number): Required<RawFrame> {
  let lengthSize = 1;
  for (let rest = payloadSizeBytes >>> 7; rest !== 0; rest >>>= 7) lengthSize++;
  const encoded = MEMORY.take(1 + lengthSize + payloadSizeBytes);
  encoded[0] = PAYLOAD_TAG;
  let position = 1;
  let length = payloadSizeBytes;
  while (length >= 0x80) {
    encoded[position++] = (length & 0x7f) | 0x80;
    length >>>= 7;
  }
  encoded[position++] = length;
  return { encoded, payload: encoded.subarray(position) };
}

const PAYLOAD_TAG = (1 << 3) | 2; // field 1, length-delimited

/** Protobuf encoding of Frame. */
export function encodeFrame(frame: RawFrame): Buffer {
  if (frame.encoded !== undefined) return frame.encoded;
  const made = frameWithRoom(frame.payload.length);
  frame.payload.copy(made.payload);
  return made.encoded;
}

/** The payload is a view of `message`. An unknown field is skipped, as protobuf asks. @throws RangeError on garbage */
export function decodeFrame(message: Buffer): RawFrame {
  let payload: Buffer = EMPTY;
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1, count = 0; count < 8; shift *= 128, count++) {
      const byte = message[position++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("malformed frame: bad varint");
  };
  while (position < message.length) {
    const tag = varint();
    const wireType = tag & 7;
    if (wireType === 2) {
      const length = varint();
      if (position + length > message.length) throw new RangeError("malformed frame: truncated field");
      if (tag === PAYLOAD_TAG) payload = message.subarray(position, position + length);
      position += length;
    } else if (wireType === 0) varint();
    else if (wireType === 1) position += 8;
    else if (wireType === 5) position += 4;
    else throw new RangeError("malformed frame: unknown wire type");
    if (position > message.length) throw new RangeError("malformed frame: truncated field");
  }
  return { payload };
}

const EMPTY = Buffer.alloc(0);
