/** What crosses a connection, of many calls at once, as HTTP/2 does it: u8 type · u32 call · the rest by type. */
export const FrameType = { open: 1, data: 2, halfClose: 3, status: 4, cancel: 5, window: 6 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export interface Frame {
  readonly type: number;
  readonly callId: number;
  readonly body: Buffer;
}

/** How a call ended. Code 0 is a good end; the others are gRPC's. */
export interface CallStatus {
  readonly code: number;
  readonly details: string;
  /** Trailers. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const HEADER_SIZE_BYTES = 5;

export function encodeFrame(type: FrameType, callId: number, ...body: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(HEADER_SIZE_BYTES);
  header[0] = type;
  header.writeUInt32LE(callId, 1);
  return Buffer.concat([header, ...body]);
}

export function decodeFrame(bytes: Buffer): Frame {
  return { type: bytes[0] as number, callId: bytes.readUInt32LE(1), body: bytes.subarray(HEADER_SIZE_BYTES) };
}

export function encodeStatus(status: CallStatus): Buffer {
  return Buffer.from(JSON.stringify(status));
}

export function decodeStatus(body: Buffer): CallStatus {
  return JSON.parse(body.toString()) as CallStatus;
}

/** A count of bytes that the receiver has dealt with. */
export function encodeWindow(sizeBytes: number): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt32LE(sizeBytes);
  return body;
}
