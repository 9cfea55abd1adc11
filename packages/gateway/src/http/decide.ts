/**
 * The checks before an operation, in the order of the service (a matrix of 3,120 cases recorded against it): CORS,
 * method, content type, syntax, operation, signature. Pure: bytes and headers in, a verdict out.
 */
import { AwsError, awsError } from "../errors.ts";
import { findOperation, type OperationName } from "../model/shapes.ts";
import { readDocument } from "../protocol/read-input.ts";
import type { Caller, SignatureVerifier } from "../protocol/sigv4.ts";
import { CONTENT_TYPES, type Encoding } from "../protocol/wire-value.ts";
import { serializeError } from "../protocol/write-output.ts";
import { callerIdentity, FORM_CONTENT_TYPE } from "./caller-identity.ts";
import type { Headers, ResponseHeaders } from "./exchange.ts";

export interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: Buffer;
}

export type Verdict =
  | { readonly kind: "call"; readonly operation: OperationName; readonly encoding: Encoding; readonly caller: Caller }
  | { readonly kind: "preflight" }
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly contentType?: string;
      readonly body: Buffer;
      readonly refused?: RefusedCall;
    };

/** An operation that was not let through: its caller has not proved who they are. */
export interface RefusedCall {
  readonly operation: OperationName;
  readonly outcome: string;
}

type Answer = Extract<Verdict, { kind: "answer" }>;

const TARGET_SERVICE = "Kinesis_20131202";
/** The framing of an older protocol generation: answered, but never served. */
const CORAL_CONTENT_TYPE = "application/json";

export function decide(request: RawRequest, verifier: SignatureVerifier): Verdict {
  const { method, headers, body } = request;
  if (method === "OPTIONS" && headers["origin"] !== undefined) return { kind: "preflight" };
  if (method !== "POST") return ACCESS_DENIED_XML;

  const contentType = mediaTypeOf(headers["content-type"]);
  const [service = "", operationName = ""] = (headers["x-amz-target"] ?? "").split(".");
  const operation = service === TARGET_SERVICE ? findOperation(operationName) : undefined;
  const encoding = contentType === CONTENT_TYPES.json ? "json" : "cbor";

  const identity = contentType === FORM_CONTENT_TYPE ? callerIdentity(request, verifier) : undefined;
  if (identity !== undefined) return { kind: "answer", ...identity };
  if (body.length === 0) {
    return errorAnswer(encoding, awsError(operation === undefined ? "UNKNOWN_OPERATION" : "SERIALIZATION", {}));
  }
  if (contentType === CORAL_CONTENT_TYPE) return coralAnswer(body);
  if (contentType !== CONTENT_TYPES[encoding]) {
    return service === "" || operationName === "" ? ACCESS_DENIED_XML : UNKNOWN_OPERATION_XML;
  }
  // Syntax comes before operation and signature. Where those are fine the body is left to the operation, which reads
  // it once and answers a syntax error in the same words.
  if (operation === undefined) {
    return errorAnswer(encoding, syntaxError(encoding, body) ?? awsError("UNKNOWN_OPERATION", {}));
  }
  try {
    return { kind: "call", operation: operation.name, encoding, caller: verifier.verify(request) };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const answered = syntaxError(encoding, body) ?? error;
    return { ...errorAnswer(encoding, answered), refused: { operation: operation.name, outcome: answered.awsName } };
  }
}

/** Without parameters; in whatever case it was written, for that means nothing (RFC 9110, 8.3.1). */
export function mediaTypeOf(contentType = ""): string {
  return (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
}

function syntaxError(encoding: Encoding, body: Buffer): AwsError | undefined {
  try {
    readDocument(encoding, body);
    return undefined;
  } catch (error) {
    if (error instanceof AwsError) return error;
    throw error;
  }
}

export function errorAnswer(encoding: Encoding, error: AwsError): Answer {
  return {
    kind: "answer",
    status: error.status,
    contentType: CONTENT_TYPES[encoding],
    body: serializeError(encoding, error),
  };
}

function coralAnswer(body: Buffer): Answer {
  const isReadable = syntaxError("json", body) === undefined;
  const type = isReadable ? "UnknownOperationException" : "SerializationException";
  return {
    kind: "answer",
    status: isReadable ? 404 : 400,
    contentType: CORAL_CONTENT_TYPE,
    body: Buffer.from(`{"Output":{"__type":"com.amazon.coral.service#${type}"},"Version":"1.0"}`),
  };
}

/** Without a usable content type the service falls back to XML, and names no content type either. */
const ACCESS_DENIED_XML: Answer = {
  kind: "answer",
  status: 403,
  body: Buffer.from(
    "<AccessDeniedException>\n" +
      "  <Message>Unable to determine service/operation name to be authorized</Message>\n" +
      "</AccessDeniedException>\n",
  ),
};

const UNKNOWN_OPERATION_XML: Answer = {
  kind: "answer",
  status: 404,
  body: Buffer.from("<UnknownOperationException/>\n"),
};

const PREFLIGHT_SECONDS = "172800";

/** Headers of the answer to a request from a browser; empty for others. */
export function corsHeaders({ method, headers }: Pick<RawRequest, "method" | "headers">): ResponseHeaders {
  if (headers["origin"] === undefined) return {};
  const allowed: ResponseHeaders = { "Access-Control-Allow-Origin": "*" };
  if (method !== "OPTIONS") {
    allowed["Access-Control-Expose-Headers"] =
      "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";
    return allowed;
  }
  const requestHeaders = headers["access-control-request-headers"];
  const requestMethod = headers["access-control-request-method"];
  if (requestHeaders !== undefined) allowed["Access-Control-Allow-Headers"] = requestHeaders;
  if (requestMethod !== undefined) allowed["Access-Control-Allow-Methods"] = requestMethod;
  allowed["Access-Control-Max-Age"] = PREFLIGHT_SECONDS;
  return allowed;
}
