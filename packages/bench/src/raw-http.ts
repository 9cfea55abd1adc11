import { Agent, request } from "node:http";

/** Signed in form only: the cluster under test accepts any credentials, and SHA-256 is not what is measured. */
const AUTHORIZATION =
  "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00";

/** A lighter load generator than an SDK: bodies are made once, connections kept. */
export class RawKinesis {
  readonly #agent: Agent;
  readonly #port: number;

  constructor(port: number, connections: number) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Resolves with the answer's body; rejects unless it is a 200. */
  async call(operation: string, body: Buffer): Promise<Buffer> {
    const { status, answer } = await this.exchange(operation, body);
    if (status === 200) return answer;
    throw new Error(`${operation}: ${status} ${answer.toString("utf8", 0, 300)}`);
  }

  /** Resolves with whatever the answer is; rejects when there is none. */
  exchange(operation: string, body: Buffer): Promise<{ status: number; answer: Buffer }> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: "127.0.0.1",
          port: this.#port,
          method: "POST",
          path: "/",
          agent: this.#agent,
          headers: {
            "content-type": "application/x-amz-json-1.1",
            "content-length": body.length,
            "x-amz-target": `Kinesis_20131202.${operation}`,
            "x-amz-date": "20260101T000000Z",
            authorization: AUTHORIZATION,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => resolve({ status: response.statusCode ?? 0, answer: Buffer.concat(chunks) }));
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** A PutRecords body of `count` records of `sizeBytes` random bytes with random keys. */
export function putRecordsBody(stream: string, count: number, sizeBytes: number, random: () => Buffer): Buffer {
  const records = Array.from({ length: count }, () => {
    const data = Buffer.alloc(sizeBytes);
    for (let at = 0; at < sizeBytes;) at += random().copy(data, at);
    return { Data: data.toString("base64"), PartitionKey: random().toString("hex", 0, 8) };
  });
  return Buffer.from(JSON.stringify({ StreamName: stream, Records: records }));
}
