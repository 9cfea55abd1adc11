import type { EventEmitter } from "node:events";
import { type ApiRequest, AwsError, type Gateway } from "@millrace/gateway";
import { errorMessage } from "@millrace/util";
import type { WireRequest, WireResponse } from "../rpc/api-link.ts";
import type { Process } from "../world/machine.ts";

/** The SDKs' requests are answered or given up within it, as by the real server. */
const HANDLER_TIMEOUT_MS = 10_000;
export const ACCOUNT_ID = "000000000000";
export const REGION = "us-east-1";

interface Call extends EventEmitter {
  readonly request: unknown;
  write(value: unknown): boolean;
  end(): void;
}

/** What the HTTP layer does around the gateway, without HTTP. */
export function gatewayHandlers(gateway: Gateway, process: Process): Record<string, unknown> {
  const { clock } = process.world;
  let requestCount = 0;

  const begin = (call: Call): { request: ApiRequest; finished: () => void } => {
    const { operation, invocationId, attempt, body } = call.request as WireRequest;
    const abort = new AbortController();
    call.on("cancelled", () => abort.abort(new Error("the client is gone")));
    const timer = clock.setTimer(HANDLER_TIMEOUT_MS, () => abort.abort(new Error("the request took too long")));
    const request = {
      operation,
      encoding: "json",
      body,
      allocate: (sizeBytes: number) => Buffer.allocUnsafe(sizeBytes),
      headers: { "amz-sdk-request": `attempt=${attempt}; max=3` },
      requestId: `${process.name}-${++requestCount}`,
      from: undefined,
      accessKeyId: "simulation",
      isProven: false,
      region: REGION,
      accountId: ACCOUNT_ID,
      invocationId,
      signal: abort.signal,
    } as ApiRequest;
    return { request, finished: () => timer.cancel() };
  };

  const call = async (serverCall: Call): Promise<WireResponse> => {
    const { request, finished } = begin(serverCall);
    try {
      const response = await gateway.handle(request);
      if ("stream" in response) throw new Error(`${request.operation} is a stream`);
      const body = Buffer.isBuffer(response.body) ? response.body : Buffer.concat(response.body);
      return { status: response.status, body };
    } catch (error) {
      return errorResponse(error, request, process);
    } finally {
      finished();
    }
  };

  const stream = async (serverCall: Call): Promise<void> => {
    const { request, finished } = begin(serverCall);
    try {
      const response = await gateway.handle(request);
      finished();
      if (!("stream" in response)) throw new Error(`${request.operation} is no stream`);
      for await (const piece of response.stream) {
        if (!serverCall.write({ status: 200, body: Buffer.from(piece) })) await drained(serverCall, request.signal);
        if (request.signal.aborted) break;
      }
    } catch (error) {
      serverCall.write(errorResponse(error, request, process));
    } finally {
      finished();
      serverCall.end();
    }
  };

  return {
    Call: (serverCall: Call, callback: (error: null, value: WireResponse) => void) =>
      void call(serverCall).then((value) => callback(null, value)),
    Stream: (serverCall: Call) => void stream(serverCall),
  };
}

function drained(call: Call, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    call.once("drain", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function errorResponse(error: unknown, request: ApiRequest, process: Process): WireResponse {
  const body = Buffer.alloc(0);
  if (error instanceof AwsError) return { status: error.status, awsName: error.awsName, message: error.text, body };
  if (request.signal.aborted) return { status: 503, awsName: "ServiceUnavailable", message: "gone or too late", body };
  process.logger.error({ error: errorMessage(error), operation: request.operation }, "request failed inside");
  return { status: 500, awsName: "InternalFailure", message: errorMessage(error), body };
}
