/** The way of one request: admit, read the body, decide, call the operation, answer. Never throws, never leaks a permit. */
import { errorMessage, type Logger, type World } from "@millrace/util";
import { AwsError, awsError, serverBusy } from "../errors.ts";
import { encodeException } from "../protocol/event-stream.ts";
import type { SignatureVerifier } from "../protocol/sigv4.ts";
import { CONTENT_TYPES, type Encoding } from "../protocol/wire-value.ts";
import { serializeError } from "../protocol/write-output.ts";
import type { ApiHandler, ApiRequest, ApiResponse, StreamResponse } from "./api-types.ts";
import type { ByteBudget } from "./byte-budget.ts";
import {
  corsHeaders,
  decide,
  errorAnswer,
  mediaTypeOf,
  type RawRequest,
  type RefusedCall,
  type Verdict,
} from "./decide.ts";
import type { Exchange, ResponseHeaders } from "./exchange.ts";
import { readBody, type BodyLimits, type BodyResult } from "./read-body.ts";
import type { RequestIds } from "./request-ids.ts";
import { sendStream } from "./send-stream.ts";

export interface ServeContext {
  readonly world: World;
  readonly logger: Logger;
  readonly verifier: SignatureVerifier;
  readonly handler: ApiHandler;
  readonly budget: ByteBudget;
  readonly bodyLimits: BodyLimits;
  readonly ids: RequestIds;
  /** From the end of the body to the answer. */
  readonly handlerTimeoutMs: number;
  /** A client that takes none of its answer for that long is cut off. */
  readonly writeTimeoutMs: number;
  readonly requestsMax: number;
  /** For an audit. */
  readonly onRefused?: ((refused: Refused) => void) | undefined;
  /** Those in flight; streams count too. */
  readonly active: Set<ActiveRequest>;
}

export interface Refused extends RefusedCall {
  /** Who they say they are. */
  readonly claimedKeyId: string | undefined;
  readonly from: string | undefined;
  readonly requestId: string;
}

export interface ActiveRequest {
  readonly exchange: Exchange;
  readonly controller: AbortController;
  isStream: boolean;
  /** The operation has ended and its answer is handed over: whatever happens now is no news to it. */
  isAnswered: boolean;
}

/** Settles when the answer has left, or cannot leave any more. */
export async function serve(exchange: Exchange, context: ServeContext): Promise<void> {
  const active: ActiveRequest = { exchange, controller: new AbortController(), isStream: false, isAnswered: false };
  const closed = new Promise<void>((resolve) => {
    exchange.onClose(() => {
      if (!active.isAnswered) {
        active.controller.abort(awsError("UNAVAILABLE", { text: "The client closed the connection." }));
      }
      resolve();
    });
  });
  if (context.active.size >= context.requestsMax) {
    refuseBusy(exchange, context);
    return;
  }
  context.active.add(active);
  try {
    await serveAdmitted(active, context);
    active.isAnswered = true;
    const timer = context.world.clock.setTimer(context.writeTimeoutMs, () => exchange.destroy());
    await closed;
    timer.cancel();
  } catch (error) {
    context.logger.error({ error: errorMessage(error) }, "request failed outside its operation");
    exchange.destroy();
  } finally {
    context.active.delete(active);
  }
}

async function serveAdmitted(active: ActiveRequest, context: ServeContext): Promise<void> {
  const { exchange, controller } = active;
  const { bodyLimits, budget, world, verifier } = context;
  const reading = await readBody(exchange, bodyLimits, budget, world.clock, controller.signal);
  switch (reading.kind) {
    case "gone":
      return;
    case "too large":
      return refuseBody(exchange, 413, context);
    case "too slow":
      return refuseBody(exchange, 408, context);
    case "no room":
      return refuseBusy(exchange, context);
    case "body":
      break;
  }
  try {
    const { method, url, headers } = exchange;
    const request: RawRequest = { method, url, headers, body: reading.body };
    const requestId = context.ids.next();
    const responseHeaders: ResponseHeaders = {
      "x-amzn-RequestId": requestId,
      Date: httpDate(context),
      ...corsHeaders(request),
    };
    const verdict = decide(request, verifier);
    if (verdict.kind !== "preflight") responseHeaders["x-amz-id-2"] = context.ids.nextExtended();
    if (verdict.kind === "call") await call(active, request, verdict, requestId, responseHeaders, reading, context);
    else if (verdict.kind === "answer") {
      if (verdict.refused !== undefined) tellRefused(verdict.refused, exchange, requestId, context);
      answer(exchange, verdict, responseHeaders);
    } else exchange.respond(200, { ...responseHeaders, "Content-Length": "0" }, []);
  } finally {
    reading.release();
  }
}

async function call(
  active: ActiveRequest,
  { headers, body }: RawRequest,
  { operation, encoding, caller }: Extract<Verdict, { kind: "call" }>,
  requestId: string,
  responseHeaders: ResponseHeaders,
  reading: Extract<BodyResult, { kind: "body" }>,
  context: ServeContext,
): Promise<void> {
  const { controller, exchange } = active;
  const deadline = context.world.clock.setTimer(context.handlerTimeoutMs, () =>
    controller.abort(awsError("UNAVAILABLE", { text: "The request could not be completed in time." })),
  );
  const request: ApiRequest = {
    operation,
    encoding,
    body,
    allocate: reading.memory.allocate,
    headers,
    requestId,
    from: exchange.from,
    invocationId: headers["amz-sdk-invocation-id"],
    signal: controller.signal,
    ...caller,
  };
  let response: ApiResponse;
  try {
    response = await context.handler(request);
  } catch (error) {
    answer(exchange, errorAnswer(encoding, asAwsError(error, request, context.logger)), responseHeaders);
    return;
  } finally {
    deadline.cancel();
  }
  if ("stream" in response) {
    active.isStream = true;
    reading.release();
    await stream(active, response, request, responseHeaders, context);
    return;
  }
  const parts = Buffer.isBuffer(response.body) ? [response.body] : response.body;
  responseHeaders["Content-Type"] = CONTENT_TYPES[encoding];
  respond(exchange, response.status, responseHeaders, parts);
}

async function stream(
  { exchange, controller }: ActiveRequest,
  response: StreamResponse,
  request: ApiRequest,
  headers: ResponseHeaders,
  context: ServeContext,
): Promise<void> {
  if (exchange.isClosed) {
    // Nobody will iterate: tell the producer through its iterator, as a loop that breaks would.
    await response.stream[Symbol.asyncIterator]().return?.();
    return;
  }
  const writable = exchange.startStream(200, { ...headers, "Content-Type": response.contentType });
  const { clock } = context.world;
  const end = await sendStream(writable, response.stream, clock, context.writeTimeoutMs);
  if (end.kind === "failed" && !controller.signal.aborted) {
    writable.write(encodeException(asAwsError(end.error, request, context.logger)));
  }
  if (end.kind === "stalled") exchange.destroy();
  else writable.end();
}

const ACCESS_KEY_ID_CHARS_MAX = 128;

function tellRefused(
  refused: RefusedCall,
  { headers, from }: Exchange,
  requestId: string,
  context: ServeContext,
): void {
  const claimed = /Credential=([^/,\s]+)\//.exec(headers["authorization"] ?? "")?.[1];
  context.onRefused?.({ ...refused, claimedKeyId: claimed?.slice(0, ACCESS_KEY_ID_CHARS_MAX), from, requestId });
}

function asAwsError(error: unknown, request: ApiRequest, logger: Logger): AwsError {
  if (error instanceof AwsError) return error;
  const { operation, requestId } = request;
  const stack = error instanceof Error ? error.stack : undefined;
  logger.error({ operation, requestId, error: errorMessage(error), stack }, "operation failed");
  return awsError("INTERNAL_FAILURE", {}, { cause: error });
}

function answer(exchange: Exchange, verdict: Extract<Verdict, { kind: "answer" }>, headers: ResponseHeaders): void {
  const { status, contentType, body } = verdict;
  if (contentType !== undefined) headers["Content-Type"] = contentType;
  respond(exchange, status, headers, [body]);
}

/** `headers` are of this answer alone, and are added to. */
function respond(exchange: Exchange, status: number, headers: ResponseHeaders, parts: readonly Uint8Array[]): void {
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.length;
  headers["Content-Length"] = String(sizeBytes);
  exchange.respond(status, headers, sizeBytes === 0 ? [] : parts);
}

/** A page hears the status only with the headers that let it, and its SDK tries again only if it hears one. */
function refuseBody(exchange: Exchange, status: 408 | 413, context: ServeContext): void {
  exchange.refuse(status, { Date: httpDate(context), ...corsHeaders(exchange), "Content-Length": "0" }, []);
}

/** Too much at once: every SDK retries a 503 after a pause. */
function refuseBusy(exchange: Exchange, context: ServeContext): void {
  const encoding: Encoding = mediaTypeOf(exchange.headers["content-type"]) === CONTENT_TYPES.cbor ? "cbor" : "json";
  const body = serializeError(encoding, serverBusy());
  const headers: ResponseHeaders = {
    "x-amzn-RequestId": context.ids.next(),
    "x-amz-id-2": context.ids.nextExtended(),
    Date: httpDate(context),
    ...corsHeaders(exchange),
    "Content-Type": CONTENT_TYPES[encoding],
    "Content-Length": String(body.length),
  };
  exchange.refuse(503, headers, [body]);
}

function httpDate({ world }: ServeContext): string {
  return new Date(world.clock.nowMs()).toUTCString();
}
