/**
 * AWS Signature Version 4, header and query form: reading what the client signed, and checking it. The texts and the
 * order in which problems are reported are those of the service.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { awsError } from "../errors.ts";
import { canonicalHeaders, canonicalPath, canonicalQuery, parseQuery, type QueryPair } from "./sigv4-canonical.ts";

export interface Credentials {
  readonly secretAccessKey: string;
  /** Of temporary credentials: must come with every request. */
  readonly sessionToken?: string;
  readonly expiresAtMs?: number;
  readonly accountId?: string;
}

export interface CredentialsProvider {
  secretFor(accessKeyId: string): Credentials | undefined;
}

export interface SignedRequest {
  readonly method: string;
  /** Path and query as on the wire. */
  readonly url: string;
  /** Lower-case names. `host` holds `:authority` for HTTP/2. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

export interface Caller {
  readonly accessKeyId: string;
  readonly region: string;
  readonly accountId: string;
  /** False where any credentials are accepted: then all of this is only said. */
  readonly isProven: boolean;
}

export interface VerifierOptions {
  /** Absent: any credentials are accepted, yet the request must look signed, as every AWS client does it. */
  readonly provider?: CredentialsProvider | undefined;
  readonly defaultAccountId?: string | undefined;
  /** For unchecked requests whose credential scope names none. */
  readonly defaultRegion?: string | undefined;
  /** Absent: any region. */
  readonly regions?: readonly string[] | undefined;
  readonly nowMs: () => number;
}

/** What requests are signed for: the streams' API, and the question whose the credentials are. */
export type SignedService = "kinesis" | "sts";

const ALGORITHM = "AWS4-HMAC-SHA256";
const TERMINATOR = "aws4_request";
const CLOCK_TOLERANCE_MS = 5 * 60_000;
const EXPIRES_SECONDS_MAX = 604_800;
const SIGNING_KEYS_MAX = 1_000;
/** For unknown keys the same work is done, so that the time tells nothing. */
const DUMMY_SECRET = "unknown access keys are checked against this";

interface Signature {
  readonly accessKeyId: string;
  readonly scope: readonly string[];
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly date: string;
  readonly sessionToken: string | undefined;
  /** Query form only: how long the request may be used. */
  readonly expiresSeconds: number | undefined;
  readonly query: readonly QueryPair[];
}

export class SignatureVerifier {
  readonly #options: VerifierOptions;
  readonly #signingKeys = new Map<string, Buffer>();

  constructor(options: VerifierOptions) {
    this.#options = options;
  }

  /** @throws AwsError as section "SigV4" of the API has it: MissingAuthenticationToken, IncompleteSignature, ... */
  verify(request: SignedRequest, service: SignedService = "kinesis"): Caller {
    const signature = readSignature(request);
    const { accessKeyId } = signature;
    const { provider, defaultAccountId = "000000000000", defaultRegion = "us-east-1" } = this.#options;
    const region = signature.scope[1] ?? "";
    const credentials = provider?.secretFor(accessKeyId);
    if (provider !== undefined) this.#check(request, service, signature, credentials);
    const accountId = credentials?.accountId ?? (/^\d{12}$/.test(accessKeyId) ? accessKeyId : defaultAccountId);
    return { accessKeyId, region: region === "" ? defaultRegion : region, accountId, isProven: provider !== undefined };
  }

  #check(
    request: SignedRequest,
    service: SignedService,
    signature: Signature,
    credentials: Credentials | undefined,
  ): void {
    const requestMs = readDate(signature.date);
    this.#checkScope(signature, service, requestMs);
    const isRight = this.#isSignatureRight(request, signature, credentials?.secretAccessKey ?? DUMMY_SECRET);
    if (credentials === undefined || !isTokenRight(credentials, signature)) throw awsError("UNKNOWN_ACCESS_KEY", {});
    const nowMs = this.#options.nowMs();
    if (credentials.expiresAtMs !== undefined && nowMs >= credentials.expiresAtMs) throw awsError("EXPIRED_TOKEN", {});
    checkTime(signature, requestMs, nowMs);
    if (!isRight) throw awsError("WRONG_SIGNATURE", {});
  }

  #checkScope({ scope, date }: Signature, wanted: SignedService, requestMs: number): void {
    const [scopeDate = "", region = "", service = "", terminator = ""] = scope;
    const { regions } = this.#options;
    if (scope.length !== 4 || region === "" || (regions !== undefined && !regions.includes(region))) {
      throw scopeError("Credential should be scoped to a valid region. ");
    }
    if (service !== wanted) throw scopeError(`Credential should be scoped to correct service: '${wanted}'. `);
    if (terminator !== TERMINATOR) {
      throw scopeError(
        `Credential should be scoped with a valid terminator: '${TERMINATOR}', not '${clip(terminator)}'. `,
      );
    }
    const day = new Date(requestMs).toISOString().slice(0, 10).replaceAll("-", "");
    if (scopeDate !== day) {
      throw scopeError(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: " +
          `'${clip(scopeDate)}' != '${day}', from '${clip(date)}'.`,
      );
    }
  }

  #isSignatureRight(request: SignedRequest, signature: Signature, secret: string): boolean {
    const { scope, signedHeaders } = signature;
    const bodyHash = createHash("sha256").update(request.body).digest("hex");
    const claimedHash = request.headers["x-amz-content-sha256"];
    const canonicalRequest = [
      request.method,
      canonicalPath(request.url),
      canonicalQuery(signature.query),
      canonicalHeaders(request.headers, signedHeaders),
      signedHeaders.join(";"),
      bodyHash,
    ].join("\n");
    const stringToSign = [
      ALGORITHM,
      isoDate(signature.date),
      scope.join("/"),
      createHash("sha256").update(canonicalRequest).digest("hex"),
    ].join("\n");
    const expected = createHmac("sha256", this.#signingKey(secret, scope)).update(stringToSign).digest();
    const given = Buffer.from(signature.signature, "hex");
    const isEqual = given.length === expected.length && timingSafeEqual(given, expected);
    // Over HTTP/2 the JavaScript SDK signs `:authority` under its own name, the Java SDK as `host`.
    const isHostSigned = signedHeaders.includes("host") || signedHeaders.includes(":authority");
    return isEqual && isHostSigned && (claimedHash === undefined || claimedHash === bodyHash);
  }

  /** Four HMACs a day, region, service and secret; kept, since they cost more than the signature itself. */
  #signingKey(secret: string, [date = "", region = "", service = ""]: readonly string[]): Buffer {
    const cacheKey = `${date}/${region}/${service}/${secret}`;
    const cached = this.#signingKeys.get(cacheKey);
    if (cached !== undefined) return cached;
    let key: Buffer | string = `AWS4${secret}`;
    for (const part of [date, region, service, TERMINATOR]) key = createHmac("sha256", key).update(part).digest();
    if (this.#signingKeys.size >= SIGNING_KEYS_MAX) this.#signingKeys.clear();
    this.#signingKeys.set(cacheKey, key as Buffer);
    return key as Buffer;
  }
}

function readSignature(request: SignedRequest): Signature {
  const { authorization } = request.headers;
  const query = parseQuery(request.url);
  const hasQueryForm = query.some(([name]) => name === "X-Amz-Algorithm");
  if (authorization !== undefined && authorization !== "") {
    if (hasQueryForm) throw awsError("TWO_SIGNATURES", {});
    return readHeaderForm(authorization, request, query);
  }
  if (!hasQueryForm) throw awsError("MISSING_AUTHENTICATION", {});
  return readQueryForm(query);
}

function readHeaderForm(authorization: string, { headers }: SignedRequest, query: readonly QueryPair[]): Signature {
  const parameters = new Map<string, string>();
  for (const part of authorization.split(/[, ]/u).slice(1)) {
    const separator = part.indexOf("=");
    if (separator > 0) parameters.set(part.slice(0, separator), part.slice(separator + 1));
  }
  const date = headers["x-amz-date"] ?? headers["date"];
  let problems = "";
  for (const name of ["Credential", "Signature", "SignedHeaders"]) {
    if ((parameters.get(name) ?? "") === "") problems += `Authorization header requires '${name}' parameter. `;
  }
  if (date === undefined || date === "") {
    problems += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
  }
  if (problems !== "") throw awsError("INCOMPLETE_SIGNATURE", { text: `${problems}Authorization=${authorization}` });
  return {
    ...readCredential(parameters.get("Credential") ?? ""),
    signedHeaders: (parameters.get("SignedHeaders") ?? "").split(";"),
    signature: parameters.get("Signature") ?? "",
    date: date ?? "",
    sessionToken: headers["x-amz-security-token"],
    expiresSeconds: undefined,
    query,
  };
}

function readQueryForm(query: readonly QueryPair[]): Signature {
  const parameters = new Map(query);
  let problems = "";
  for (const name of ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"]) {
    if ((parameters.get(name) ?? "") === "") problems += `AWS query-string parameters must include '${name}'. `;
  }
  if (problems !== "") {
    throw awsError("INCOMPLETE_SIGNATURE", { text: `${problems}Re-examine the query-string parameters.` });
  }
  const expires = parameters.get("X-Amz-Expires");
  const expiresSeconds = expires === undefined ? undefined : Number(expires);
  if (expiresSeconds !== undefined && !(expiresSeconds >= 1 && expiresSeconds <= EXPIRES_SECONDS_MAX)) {
    throw awsError("INCOMPLETE_SIGNATURE", {
      text: `X-Amz-Expires must be between 1 and ${EXPIRES_SECONDS_MAX} seconds. Re-examine the query-string parameters.`,
    });
  }
  return {
    ...readCredential(parameters.get("X-Amz-Credential") ?? ""),
    signedHeaders: (parameters.get("X-Amz-SignedHeaders") ?? "").split(";"),
    signature: parameters.get("X-Amz-Signature") ?? "",
    date: parameters.get("X-Amz-Date") ?? "",
    sessionToken: parameters.get("X-Amz-Security-Token"),
    expiresSeconds,
    query: query.filter(([name]) => name !== "X-Amz-Signature"),
  };
}

/** `<access key>/<yyyymmdd>/<region>/<service>/aws4_request`; an access key may itself hold slashes. */
function readCredential(credential: string): { accessKeyId: string; scope: readonly string[] } {
  const parts = credential.split("/");
  const scope = parts.length > 4 ? parts.slice(-4) : parts.slice(1);
  return { accessKeyId: parts.slice(0, parts.length - scope.length).join("/"), scope };
}

/** ISO 8601 basic, or the HTTP date of a `Date` header. */
function readDate(date: string): number {
  const iso = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/u.exec(date);
  const epochMs = iso === null ? Date.parse(date) : Date.parse(date.replace(/^(....)(..)(..T..)(..)/u, "$1-$2-$3:$4:"));
  if (Number.isNaN(epochMs)) {
    throw awsError("INCOMPLETE_SIGNATURE", {
      text: `Date must be in ISO-8601 'basic format'. Got '${clip(date)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    });
  }
  return epochMs;
}

function isoDate(date: string): string {
  return new Date(readDate(date)).toISOString().replace(/[-:]|\.\d+/gu, "");
}

function checkTime({ expiresSeconds }: Signature, requestMs: number, nowMs: number): void {
  const lifetimeMs = expiresSeconds === undefined ? CLOCK_TOLERANCE_MS : expiresSeconds * 1_000;
  if (requestMs < nowMs - lifetimeMs) {
    throw awsError("SIGNATURE_EXPIRED", { requestMs, nowMs, toleranceMs: lifetimeMs });
  }
  if (requestMs > nowMs + CLOCK_TOLERANCE_MS) {
    throw awsError("SIGNATURE_NOT_YET_CURRENT", { requestMs, nowMs, toleranceMs: CLOCK_TOLERANCE_MS });
  }
}

function isTokenRight({ sessionToken }: Credentials, given: Signature): boolean {
  if (sessionToken === undefined) return given.sessionToken === undefined || given.sessionToken === "";
  const expected = createHash("sha256").update(sessionToken).digest();
  return timingSafeEqual(
    expected,
    createHash("sha256")
      .update(given.sessionToken ?? "")
      .digest(),
  );
}

function scopeError(text: string): Error {
  return awsError("WRONG_SCOPE", { text });
}

function clip(text: string): string {
  return text.slice(0, 128);
}
