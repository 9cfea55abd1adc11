import { request } from "node:http";
import { decodeCbor, encodeCbor } from "./cbor.ts";

export interface RawAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly bytes: Buffer;
  /** Parsed by its content type. Without members when there is none (see `bytes`). */
  readonly body: Record<string, unknown>;
  /** Of an error, without its namespace. */
  readonly error: string | undefined;
}

export interface RawOptions {
  readonly encoding?: "json" | "cbor";
  readonly region?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request as its bytes are, with no SDK between. A Buffer is sent as it is. */
export function callRaw(
  endpoint: string,
  operation: string,
  input: unknown,
  { encoding = "json", region = "us-east-1", headers = {} }: RawOptions = {},
): Promise<RawAnswer> {
  const encoded = encoding === "json" ? Buffer.from(JSON.stringify(input)) : encodeCbor(input);
  const body = Buffer.isBuffer(input) ? input : encoded;
  const authorization =
    `AWS4-HMAC-SHA256 Credential=test/20261125/${region}/kinesis/aws4_request, ` +
    "SignedHeaders=host;x-amz-date, Signature=00";
  return new Promise((resolve, reject) => {
    const sent = request(
      endpoint,
      {
        method: "POST",
        headers: {
          "content-type": `application/x-amz-${encoding}-1.1`,
          "x-amz-target": `Kinesis_20131202.${operation}`,
          "x-amz-date": "20261125T120000Z",
          authorization,
          "content-length": body.length,
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const bytes = Buffer.concat(chunks);
          const parsed = bytes.length === 0 ? {} : parse(bytes, response.headers["content-type"] ?? "");
          const type = parsed.__type;
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes,
            body: parsed,
            error: typeof type === "string" ? type.slice(type.indexOf("#") + 1) : undefined,
          });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

function parse(bytes: Buffer, contentType: string): Record<string, unknown> {
  if (contentType.includes("cbor")) return decodeCbor(bytes) as Record<string, unknown>;
  return JSON.parse(bytes.toString()) as Record<string, unknown>;
}
