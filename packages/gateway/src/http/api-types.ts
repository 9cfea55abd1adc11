/** What the HTTP layer hands to the operations, and what it takes back. */
import type { OperationName } from "../model/shapes.ts";
import type { Encoding } from "../protocol/wire-value.ts";

export interface ApiRequest {
  readonly operation: OperationName;
  readonly encoding: Encoding;
  /** Unread: `parseInput` or `parsePut` makes sense of it. Valid until the handler's promise settles. */
  readonly body: Buffer;
  /** Memory that is the request's own, as long as its body is valid. */
  readonly allocate: (sizeBytes: number) => Buffer;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Also in the answer's `x-amzn-RequestId`. */
  readonly requestId: string;
  /** host:port of the client, or of what stands before us. */
  readonly from: string | undefined;
  readonly accessKeyId: string;
  /** From the credential scope. */
  readonly region: string;
  readonly accountId: string;
  /** False where any credentials are accepted. */
  readonly isProven: boolean;
  /** `amz-sdk-invocation-id`: the same on every attempt of one SDK call. */
  readonly invocationId: string | undefined;
  /**
   * Aborts when the client is gone, the deadline has passed, or (streams only) the server drains. Its reason is an
   * `AwsError`, which may be thrown as it is.
   */
  readonly signal: AbortSignal;
}

/** `body` is in the request's encoding; several pieces are sent one after the other without being copied together. */
export interface BodyResponse {
  readonly status: number;
  readonly body: Buffer | readonly Buffer[];
}

/**
 * An answer without an end known in advance. Headers are sent at once. A piece is asked for only when the client has
 * room for it; one that fails ends the answer with an exception message. The iterator must end when the signal aborts.
 */
export interface StreamResponse {
  readonly contentType: string;
  readonly stream: AsyncIterable<Uint8Array>;
}

export type ApiResponse = BodyResponse | StreamResponse;

/** Rejects with an `AwsError` to answer with it; anything else becomes an InternalFailure and is logged. */
export type ApiHandler = (request: ApiRequest) => Promise<ApiResponse>;
