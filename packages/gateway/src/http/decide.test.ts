import { describe, expect, test } from "vitest";
import { readCbor } from "../protocol/read-cbor.ts";
import { SignatureVerifier } from "../protocol/sigv4.ts";
import { corsHeaders, decide, type RawRequest } from "./decide.ts";

const JSON_TYPE = "application/x-amz-json-1.1";
const CBOR_TYPE = "application/x-amz-cbor-1.1";
const SIGNED = {
  authorization:
    "AWS4-HMAC-SHA256 Credential=a/20260115/eu-west-1/kinesis/aws4_request, SignedHeaders=host, Signature=00",
  "x-amz-date": "20260115T120000Z",
};
const GOOD_TARGET = "Kinesis_20131202.ListStreams";

interface Case {
  method?: string;
  contentType?: string;
  target?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

function request({ method = "POST", contentType, target, body = "{}", headers = SIGNED }: Case): RawRequest {
  return {
    method,
    url: "/any/path",
    headers: { ...headers, "content-type": contentType, "x-amz-target": target },
    body: Buffer.from(body as string),
  };
}

const verifier = new SignatureVerifier({ nowMs: () => 0 });

/** `status type body`, the body of CBOR answers as JSON. */
function answer(given: Case): string {
  const verdict = decide(request(given), verifier);
  if (verdict.kind !== "answer")
    return verdict.kind === "call" ? `${verdict.operation} ${verdict.encoding}` : verdict.kind;
  const { status, contentType = "-", body } = verdict;
  const text = contentType === CBOR_TYPE ? JSON.stringify(readCbor(body)) : body.toString();
  return `${status} ${contentType.replace("application/", "")} ${text}`;
}

const ACCESS_DENIED =
  "403 - <AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n</AccessDeniedException>\n";
const NO_OPERATION_XML = "404 - <UnknownOperationException/>\n";
const error = (encoding: "json" | "cbor", type: string, message?: string): string =>
  `400 x-amz-${encoding}-1.1 ${JSON.stringify({ __type: type, message })}`;
const MISSING = ["MissingAuthenticationTokenException", "Missing Authentication Token"] as const;

describe("the order of checks before an operation", () => {
  test.each<[string, Case, string]>([
    ["a good request", { contentType: JSON_TYPE, target: GOOD_TARGET }, "ListStreams json"],
    [
      "parameters and spaces around the type",
      { contentType: ` ${JSON_TYPE} ; charset=utf-8`, target: GOOD_TARGET },
      "ListStreams json",
    ],
    ["JSON in other letters", { contentType: "Application/X-Amz-Json-1.1", target: GOOD_TARGET }, "ListStreams json"],
    [
      "CBOR in other letters",
      { contentType: "APPLICATION/X-AMZ-CBOR-1.1", target: GOOD_TARGET, body: Buffer.from([0xa0]) },
      "ListStreams cbor",
    ],
    ["CBOR", { contentType: CBOR_TYPE, target: GOOD_TARGET, body: Buffer.from([0xa0]) }, "ListStreams cbor"],

    ["GET", { method: "GET", body: "" }, ACCESS_DENIED],
    ["OPTIONS without an origin", { method: "OPTIONS", body: "" }, ACCESS_DENIED],
    ["PUT with everything else right", { method: "PUT", contentType: JSON_TYPE, target: GOOD_TARGET }, ACCESS_DENIED],
    ["OPTIONS with an origin", { method: "OPTIONS", headers: { origin: "http://x" }, body: "" }, "preflight"],

    [
      "an empty body, JSON, good target",
      { contentType: JSON_TYPE, target: GOOD_TARGET, body: "" },
      error("json", "SerializationException"),
    ],
    [
      "an empty body, JSON, bad target",
      { contentType: JSON_TYPE, target: "x", body: "" },
      error("json", "UnknownOperationException"),
    ],
    [
      "an empty body, CBOR, good target",
      { contentType: CBOR_TYPE, target: GOOD_TARGET, body: "" },
      error("cbor", "SerializationException"),
    ],
    ["an empty body, no type, good target", { target: GOOD_TARGET, body: "" }, error("cbor", "SerializationException")],
    ["an empty body, no type, no target", { body: "" }, error("cbor", "UnknownOperationException")],
    [
      "an empty body, old JSON",
      { contentType: "application/json", target: GOOD_TARGET, body: "" },
      error("cbor", "SerializationException"),
    ],

    ["unknown type, no target", { contentType: "text/plain" }, ACCESS_DENIED],
    ["unknown type, half a target", { contentType: "text/plain", target: "Kinesis_20131202." }, ACCESS_DENIED],
    ["unknown type, other half", { contentType: "text/plain", target: ".ListStreams" }, ACCESS_DENIED],
    ["unknown type, any whole target", { contentType: "text/plain", target: "a.b" }, NO_OPERATION_XML],
    ["unknown type, good target", { contentType: "application/x-amz-json-1.0", target: GOOD_TARGET }, NO_OPERATION_XML],

    [
      "old JSON that does not parse",
      { contentType: "application/json", body: "{" },
      '400 json {"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}',
    ],
    [
      "old JSON that is a scalar",
      { contentType: "application/json", body: "1" },
      '400 json {"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}',
    ],
    [
      "old JSON that parses",
      { contentType: "application/json", target: GOOD_TARGET },
      '404 json {"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}',
    ],

    [
      "bad syntax before unknown operation",
      { contentType: JSON_TYPE, target: "x.y", body: "{" },
      error("json", "SerializationException"),
    ],
    [
      "bad syntax before a missing signature",
      { contentType: JSON_TYPE, target: GOOD_TARGET, body: "nul", headers: {} },
      error("json", "SerializationException"),
    ],
    [
      "unknown operation before a missing signature",
      { contentType: JSON_TYPE, target: "Kinesis_20131202.Nope", headers: {} },
      error("json", "UnknownOperationException"),
    ],
    [
      "an operation of Object.prototype",
      { contentType: JSON_TYPE, target: "Kinesis_20131202.constructor" },
      error("json", "UnknownOperationException"),
    ],
    [
      "unknown service",
      { contentType: JSON_TYPE, target: "Kinesis_20131203.ListStreams" },
      error("json", "UnknownOperationException"),
    ],
    [
      "no target at all",
      { contentType: CBOR_TYPE, body: Buffer.from([0xa0]) },
      error("cbor", "UnknownOperationException"),
    ],
    ["no signature", { contentType: JSON_TYPE, target: GOOD_TARGET, headers: {} }, error("json", ...MISSING)],
    [
      "no signature, CBOR",
      { contentType: CBOR_TYPE, target: GOOD_TARGET, headers: {}, body: Buffer.from([0xbf, 0xff]) },
      error("cbor", ...MISSING),
    ],
    [
      "truncated CBOR before a missing signature",
      { contentType: CBOR_TYPE, target: GOOD_TARGET, headers: {}, body: Buffer.from([0xbf]) },
      error("cbor", "SerializationException"),
    ],
  ])("%s", (_name, given, expected) => {
    expect(answer(given)).toBe(expected);
  });
});

describe("S03: requests from browsers", () => {
  test("a preflight echoes what it asks for", () => {
    const headers = {
      origin: "http://x",
      "access-control-request-headers": "x-amz-target,amz-sdk-request",
      "access-control-request-method": "POST",
    };
    expect(corsHeaders(request({ method: "OPTIONS", headers }))).toEqual({
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "x-amz-target,amz-sdk-request",
      "Access-Control-Allow-Methods": "POST",
      "Access-Control-Max-Age": "172800",
    });
  });

  test("other requests learn what they may read; those without an origin get nothing", () => {
    expect(corsHeaders(request({ headers: { origin: "null" } }))).toEqual({
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Expose-Headers":
        "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date",
    });
    expect(corsHeaders(request({}))).toEqual({});
  });
});

describe("whose the credentials are, as AWS's token service answers it", () => {
  const FORM = "application/x-www-form-urlencoded; charset=utf-8";
  const question = "Action=GetCallerIdentity&Version=2011-06-15";
  const signed = (key: string, service = "sts"): Record<string, string> => ({
    ...SIGNED,
    authorization: SIGNED.authorization
      .replace("Credential=a/", `Credential=${key}/`)
      .replace("/kinesis/", `/${service}/`),
  });

  test("the account is the one that streams are in, and the key is named", () => {
    expect(answer({ contentType: FORM, body: question, headers: signed("AKID") })).toBe(
      '200 text/xml <GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
        "<Arn>arn:aws:iam::000000000000:user/AKID</Arn><UserId>AKID</UserId><Account>000000000000</Account>" +
        "</GetCallerIdentityResult></GetCallerIdentityResponse>",
    );
    expect(answer({ contentType: FORM, body: question, headers: signed("123456789012") })).toContain(
      "<Account>123456789012</Account>",
    );
    expect(answer({ contentType: FORM, body: question, headers: signed("<&>") })).toContain(
      "<UserId>&#60;&#38;&#62;</UserId>",
    );
  });

  test("who is not known, or signed for another service, is refused in its words", () => {
    const strict = new SignatureVerifier({
      provider: { secretFor: () => undefined },
      nowMs: () => Date.UTC(2026, 0, 15, 12),
    });
    for (const service of ["sts", "kinesis"]) {
      const asked = request({ contentType: FORM, body: question, headers: signed("AKID", service) });
      const verdict = decide(asked, strict);
      expect(verdict).toMatchObject({ kind: "answer", status: 403 });
      const code = service === "sts" ? "UnrecognizedClient" : "InvalidSignature";
      expect(verdict.kind === "answer" && verdict.body.toString()).toContain(`<Code>${code}</Code>`);
    }
  });

  test("nothing else is answered in a form", () => {
    expect(answer({ contentType: FORM, body: "Action=AssumeRole" })).toBe(ACCESS_DENIED);
    expect(answer({ contentType: FORM, body: `${question}&x=${"y".repeat(2_000)}` })).toBe(ACCESS_DENIED);
  });
});
