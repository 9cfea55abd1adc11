import { KinesisClient, PutRecordCommand } from "@aws-sdk/client-kinesis";
import { beforeAll, describe, expect, test } from "vitest";
import { AwsError } from "../errors.ts";
import { SignatureVerifier, type Credentials, type SignedRequest, type VerifierOptions } from "./sigv4.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW_MS = Date.UTC(2026, 0, 15, 12, 0, 0);

/** A request as the AWS SDK signs it at `signedAtMs`, caught before it leaves. */
async function sign({
  sessionToken = undefined as string | undefined,
  signedAtMs = NOW_MS,
  path = "",
} = {}): Promise<SignedRequest> {
  const client = new KinesisClient({
    endpoint: `http://127.0.0.1:4567${path}`,
    region: "eu-west-1",
    credentials: {
      accessKeyId: "AKID",
      secretAccessKey: SECRET,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
    systemClockOffset: signedAtMs - Date.now(),
  });
  let caught: SignedRequest | undefined;
  client.middlewareStack.add(
    () => (args) => {
      const sent = args.request as {
        method: string;
        path: string;
        headers: Record<string, string>;
        body: string;
      };
      caught = { method: sent.method, url: sent.path, headers: sent.headers, body: Buffer.from(sent.body) };
      return Promise.resolve({ output: { $metadata: {} }, response: {} });
    },
    { step: "finalizeRequest", priority: "low" },
  );
  await client.send(new PutRecordCommand({ StreamName: "s", PartitionKey: "k", Data: Buffer.from("hi") }));
  if (caught === undefined) throw new Error("nothing was sent");
  return caught;
}

function verifier(options: Partial<VerifierOptions> & { credentials?: Credentials } = {}): SignatureVerifier {
  const known = options.credentials ?? { secretAccessKey: SECRET };
  return new SignatureVerifier({
    provider: { secretFor: (accessKeyId) => (accessKeyId === "AKID" ? known : undefined) },
    nowMs: () => NOW_MS,
    ...options,
  });
}

function refusal(request: SignedRequest, by = verifier()): string {
  try {
    by.verify(request);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    expect(error.status).toBe(400);
    return `${error.awsName}: ${error.text}`;
  }
  return "accepted";
}

const WRONG_SIGNATURE = /^InvalidSignatureException: The request signature we calculated does not match/u;
const UNKNOWN = "UnrecognizedClientException: The security token included in the request is invalid.";

describe("S01: a request signed by the AWS SDK", () => {
  let request: SignedRequest;
  beforeAll(async () => {
    request = await sign();
  });
  const withHeaders = (headers: Record<string, string | undefined>): SignedRequest => ({
    ...request,
    headers: { ...request.headers, ...headers },
  });
  const withAuthorization = (change: (text: string) => string): SignedRequest =>
    withHeaders({ authorization: change(request.headers["authorization"] ?? "") });

  test("is accepted, and tells who, where and for which account", () => {
    expect(verifier().verify(request)).toEqual({
      accessKeyId: "AKID",
      region: "eu-west-1",
      accountId: "000000000000",
      isProven: true,
    });
    expect(
      verifier({ credentials: { secretAccessKey: SECRET, accountId: "123456789012" } }).verify(request).accountId,
    ).toBe("123456789012");
  });

  test("any separator between the parts will do", () => {
    expect(refusal(withAuthorization((text) => text.replaceAll(", ", ",")))).toBe("accepted");
    expect(refusal(withAuthorization((text) => text.replaceAll(", ", " ")))).toBe("accepted");
  });

  test("is accepted below any path, with slashes too many or steps back in it", async () => {
    for (const path of ["/", "//", "/kinesis", "/kinesis/", "//a", "/a//b///", "/a/%2E%2E/b", "/~a:b/%20c'd(e)!*"]) {
      const below = await sign({ path });
      expect([path, refusal(below)]).toEqual([path, "accepted"]);
    }
    // By the signed path, whatever the client made of it before it was sent.
    const root = await sign({ path: "/b" });
    expect(root.url).toBe("/b/");
    for (const url of ["/a/../b/", "/./b/", "//b//", "/../b/"]) expect(refusal({ ...root, url })).toBe("accepted");
    for (const url of ["/b", "/a/b/", "/b/..", "/"]) expect(refusal({ ...root, url })).toMatch(WRONG_SIGNATURE);
  });

  test("is refused once the body, a header, the path or the method is another", () => {
    expect(refusal({ ...request, body: Buffer.from("{}") })).toMatch(WRONG_SIGNATURE);
    expect(refusal(withHeaders({ "x-amz-target": "Kinesis_20131202.DeleteStream" }))).toMatch(WRONG_SIGNATURE);
    expect(refusal(withHeaders({ ":authority": "example.com" }))).toMatch(WRONG_SIGNATURE);
    expect(refusal(withHeaders({ "x-amz-content-sha256": "0".repeat(64) }))).toMatch(WRONG_SIGNATURE);
    expect(refusal({ ...request, url: "/other" })).toMatch(WRONG_SIGNATURE);
    expect(refusal({ ...request, url: "/?a=b" })).toMatch(WRONG_SIGNATURE);
    expect(refusal({ ...request, method: "PUT" })).toMatch(WRONG_SIGNATURE);
    expect(refusal(request, verifier({ credentials: { secretAccessKey: "other" } }))).toMatch(WRONG_SIGNATURE);
    expect(refusal(withAuthorization((text) => text.replace(/Signature=../u, "Signature=zz")))).toMatch(
      WRONG_SIGNATURE,
    );
  });

  test("an unknown key and a wrong session token look the same", async () => {
    expect(refusal(withAuthorization((text) => text.replace("AKID", "AKIE")))).toBe(UNKNOWN);
    const temporary = verifier({ credentials: { secretAccessKey: SECRET, sessionToken: "token" } });
    expect(refusal(await sign({ sessionToken: "token" }), temporary)).toBe("accepted");
    expect(refusal(await sign({ sessionToken: "other" }), temporary)).toBe(UNKNOWN);
    expect(refusal(request, temporary)).toBe(UNKNOWN);
    expect(refusal(await sign({ sessionToken: "token" }))).toBe(UNKNOWN);
  });

  test("expired temporary credentials are named", () => {
    const expired = verifier({ credentials: { secretAccessKey: SECRET, expiresAtMs: NOW_MS } });
    expect(refusal(request, expired)).toBe(
      "ExpiredTokenException: The security token included in the request is expired",
    );
  });

  test("five minutes either way are tolerated, more is answered with both clocks", async () => {
    expect(refusal(await sign({ signedAtMs: NOW_MS - 290_000 }))).toBe("accepted");
    expect(refusal(await sign({ signedAtMs: NOW_MS + 290_000 }))).toBe("accepted");
    const old = await sign({ signedAtMs: NOW_MS - 360_000 });
    expect(refusal(old)).toBe(
      `InvalidSignatureException: Signature expired: ${old.headers["x-amz-date"]} is now earlier than 20260115T115500Z (20260115T120000Z - 5 min.)`,
    );
    const early = await sign({ signedAtMs: NOW_MS + 360_000 });
    expect(refusal(early)).toBe(
      `InvalidSignatureException: Signature not yet current: ${early.headers["x-amz-date"]} is still later than 20260115T120500Z (20260115T120000Z + 5 min.)`,
    );
  });

  test("a scope for elsewhere is named", () => {
    const scope = (from: string, to: string): string => refusal(withAuthorization((text) => text.replace(from, to)));
    expect(scope("/kinesis/", "/s3/")).toBe(
      "InvalidSignatureException: Credential should be scoped to correct service: 'kinesis'. ",
    );
    expect(scope("/aws4_request", "/aws3")).toContain("valid terminator: 'aws4_request', not 'aws3'. ");
    expect(scope("/20260115/", "/20260114/")).toContain("'20260114' != '20260115', from '");
    expect(scope("/20260115/eu-west-1/kinesis/aws4_request", "")).toContain(
      "Credential should be scoped to a valid region. ",
    );
    expect(refusal(request, verifier({ regions: ["us-east-1"] }))).toContain(
      "Credential should be scoped to a valid region. ",
    );
    expect(refusal(request, verifier({ regions: ["eu-west-1"] }))).toBe("accepted");
  });
});

describe("S01: requests that are not, or half, signed", () => {
  test("names of headers that every object has, and a list of cookies, are refused in words", () => {
    const headers = { "x-amz-date": "20260115T120000Z", "set-cookie": ["a=1", "b=2"] as unknown as string };
    for (const name of ["__proto__", "constructor", "tostring", "toString", "set-cookie"]) {
      const authorization =
        "AWS4-HMAC-SHA256 Credential=AKID/20260115/eu-west-1/kinesis/aws4_request, " +
        `SignedHeaders=host;${name}, Signature=${"0".repeat(64)}`;
      const request = { method: "POST", url: "/", headers: { ...headers, authorization }, body: Buffer.from("{}") };
      expect(refusal(request)).toMatch(WRONG_SIGNATURE);
    }
  });

  const bare = (headers: Record<string, string>, url = "/"): SignedRequest => ({
    method: "POST",
    url,
    headers,
    body: Buffer.from("{}"),
  });
  const missing = "AWS query-string parameters must include ";

  test.each<[string, SignedRequest, string]>([
    ["nothing", bare({}), "MissingAuthenticationTokenException: Missing Authentication Token"],
    [
      "other query parameters",
      bare({}, "/?X-Amz-Credential=a&X-Amz-Date=b"),
      "MissingAuthenticationTokenException: Missing Authentication Token",
    ],
    [
      "both forms",
      bare({ authorization: "AWS4-HMAC-SHA256 x" }, "/?X-Amz-Algorithm=y"),
      "InvalidSignatureException: Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    ],
    [
      "an empty header form",
      bare({ authorization: "AWS4- Signature=" }),
      "IncompleteSignatureException: Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
        "Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. " +
        "Authorization=AWS4- Signature=",
    ],
    [
      "a header form without a date",
      bare({ authorization: "AWS4 Credential=a,Signature=b SignedHeaders=c" }),
      "IncompleteSignatureException: Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. " +
        "Authorization=AWS4 Credential=a,Signature=b SignedHeaders=c",
    ],
    [
      "an empty query form",
      bare({}, "/?X-Amz-Algorithm&X-Amz-Date="),
      `IncompleteSignatureException: ${missing}'X-Amz-Algorithm'. ${missing}'X-Amz-Credential'. ${missing}'X-Amz-Signature'. ` +
        `${missing}'X-Amz-SignedHeaders'. ${missing}'X-Amz-Date'. Re-examine the query-string parameters.`,
    ],
  ])("%s", (_name, request, expected) => {
    expect(refusal(request)).toBe(expected);
    expect(refusal(request, verifier({ provider: undefined }))).toBe(expected);
  });

  test("without a provider any credentials are accepted, and a key of twelve digits is the account", () => {
    const request = bare({
      authorization:
        "AWS4-HMAC-SHA256 Credential=111122223333/x/us-west-2/kinesis/aws4_request, SignedHeaders=a, Signature=b",
      "x-amz-date": "never",
    });
    expect(verifier({ provider: undefined }).verify(request)).toEqual({
      accessKeyId: "111122223333",
      region: "us-west-2",
      accountId: "111122223333",
      isProven: false,
    });
  });

  test("garbage in dates, scopes and percent codes is refused in words", () => {
    const garbage = bare(
      {
        authorization: "AWS4-HMAC-SHA256 Credential=////////, SignedHeaders=;;, Signature=%%",
        "x-amz-date": "99999999T999999Z",
      },
      "/%zz?%zz=%\ud800",
    );
    expect(refusal(garbage)).toMatch(/^IncompleteSignatureException: Date must be/u);
  });
});
