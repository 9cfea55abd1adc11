import type { RpcMethod } from "./server.ts";

/** A request of the Kinesis API as it crosses the simulated network: what HTTP's headers and body carry. */
export interface WireRequest {
  readonly operation: string;
  /** The same on every attempt of one call. */
  readonly invocationId: string;
  /** From 1 on: `amz-sdk-request`. */
  readonly attempt: number;
  readonly body: Buffer;
}

/** `awsName` is set on errors; `status` is HTTP's. */
export interface WireResponse {
  readonly status: number;
  readonly awsName?: string | undefined;
  readonly message?: string | undefined;
  readonly body: Buffer;
}

/** u32 length of the head · the head in JSON · the body */
function encode({ body, ...head }: { readonly body: Buffer }): Buffer {
  const headBytes = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(headBytes.length);
  return Buffer.concat([length, headBytes, body]);
}

function decode(bytes: Buffer): object {
  const bodyAt = 4 + bytes.readUInt32LE(0);
  return { ...(JSON.parse(bytes.toString("utf8", 4, bodyAt)) as object), body: bytes.subarray(bodyAt) };
}

function method(path: string, responseStream: boolean): RpcMethod {
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: encode as RpcMethod["requestSerialize"],
    requestDeserialize: decode,
    responseSerialize: encode as RpcMethod["responseSerialize"],
    responseDeserialize: decode,
  };
}

/** Stands for the gateway's HTTP port. `Stream` is an answer without an end known in advance. */
export const API_METHODS = { Call: method("/api/Call", false), Stream: method("/api/Stream", true) };
