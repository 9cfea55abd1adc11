import http from "node:http";
import http2 from "node:http2";
import { connect } from "node:net";
import tls from "node:tls";
import {
  KinesisClient,
  CreateStreamCommand,
  ListChannelsCommand,
  PutRecordCommand,
  SubscribeToShardCommand,
} from "@aws-sdk/client-kinesis";
import { realWorld } from "@millrace/util";
import { afterEach, describe, expect, test } from "vitest";
import { createHttpServer, type HttpServer, type HttpServerOptions } from "./server.ts";
import { testHandler, testTls } from "./testing/server-fixtures.ts";

const SECRET = { accessKeyId: "AKID", secretAccessKey: "secret" };
const PUT = { StreamName: "s", PartitionKey: "k", Data: "aGk=" };
const HEADERS = {
  "content-type": "application/x-amz-json-1.1",
  "x-amz-target": "Kinesis_20131202.PutRecord",
  authorization: "AWS4-HMAC-SHA256 Credential=a/b/eu-west-1/kinesis/aws4_request, SignedHeaders=host, Signature=0",
  "x-amz-date": "20260115T120000Z",
};

let server: HttpServer;
let port: number;
async function start(options: Partial<HttpServerOptions> = {}): Promise<void> {
  server = createHttpServer({ world: realWorld(), ...options }, testHandler);
  ({ port } = await server.listen(0, "127.0.0.1"));
}
afterEach(() => server.close({ graceMs: 1_000 }));

function sdk(credentials = SECRET): KinesisClient {
  return new KinesisClient({ endpoint: `http://127.0.0.1:${port}`, region: "eu-west-1", credentials, maxAttempts: 1 });
}

interface Answer {
  status: number;
  body: string;
  headers: http.IncomingHttpHeaders;
}

function post1(
  options: http.RequestOptions & { createConnection?: http.ClientRequestArgs["createConnection"] } = {},
  body = JSON.stringify(PUT),
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { port, host: "127.0.0.1", method: "POST", headers: HEADERS, ...options },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

function post2(session: http2.ClientHttp2Session, body = JSON.stringify(PUT)): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ":path": "/", ...HEADERS });
    let status = 0;
    let headers: http.IncomingHttpHeaders = {};
    let text = "";
    stream.on("response", (received) => {
      status = received[":status"] ?? 0;
      headers = received;
    });
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    stream.on("end", () => resolve({ status, body: text, headers }));
    stream.on("error", reject);
    stream.end(body);
  });
}

const STORED = { status: 200, body: '{"ShardId":"shardId-000000000000","SequenceNumber":"2"}' };

describe("one port", () => {
  test("the AWS SDK speaks HTTP/2 by prior knowledge, and its signatures are checked", async () => {
    await start({ credentials: { secretFor: (id) => (id === SECRET.accessKeyId ? SECRET : undefined) } });
    const client = sdk();
    await client.send(new CreateStreamCommand({ StreamName: "s" }));
    const put = await client.send(
      new PutRecordCommand({ StreamName: "s", PartitionKey: "k", Data: Buffer.alloc(1_000_000) }),
    );
    expect(put.SequenceNumber).toBe("1000000");
    await expect(client.send(new ListChannelsCommand({}))).rejects.toMatchObject({ name: "InternalFailure" });
    await expect(client.send(new CreateStreamCommand({ StreamName: "s/" }))).rejects.toMatchObject({
      name: "ValidationException",
    });
    client.destroy();
    const stranger = sdk({ ...SECRET, secretAccessKey: "guess" });
    await expect(stranger.send(new CreateStreamCommand({ StreamName: "s" }))).rejects.toMatchObject({
      name: "InvalidSignatureException",
    });
    stranger.destroy();
  });

  test("the AWS SDK reads an event stream, to its error or its end", async () => {
    await start();
    const client = sdk();
    const arn = "arn:aws:kinesis:eu-west-1:000000000000:stream/s/consumer/c";
    const subscribe = (ConsumerARN: string) =>
      client.send(
        new SubscribeToShardCommand({
          ConsumerARN,
          ShardId: "shardId-000000000000",
          StartingPosition: { Type: "LATEST" },
        }),
      );
    const numbers: (string | undefined)[] = [];
    const read = async (ConsumerARN: string, onThird: () => void): Promise<void> => {
      for await (const event of (await subscribe(ConsumerARN)).EventStream ?? []) {
        numbers.push(event.SubscribeToShardEvent?.ContinuationSequenceNumber);
        if (numbers.length === 3) onThird();
      }
    };
    await expect(read(`${arn}:2`, () => undefined)).rejects.toMatchObject({ name: "ResourceInUseException" });
    expect(numbers.splice(0)).toEqual(["1", "2", "3"]);
    let closed: Promise<void> | undefined;
    await read(`${arn}:1`, () => {
      closed = server.close({ graceMs: 10_000 });
    });
    expect(numbers).toEqual(["1", "2", "3"]);
    client.destroy();
    await closed;
  });

  test("HTTP/1.1 and HTTP/2, clear and in TLS with and without ALPN, all at once", async () => {
    await start({ tls: testTls, allowPlaintext: true });
    const ca = testTls.cert;
    const secure = (ALPNProtocols: string[]): tls.TLSSocket =>
      tls.connect({ port, host: "127.0.0.1", ca, servername: "localhost", ALPNProtocols });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const clear2 = http2.connect(`http://127.0.0.1:${port}`);
    const secure2 = http2.connect(`https://localhost:${port}`, { createConnection: () => secure(["h2"]) });
    const bare2 = http2.connect(`https://localhost:${port}`, {
      createConnection: () => Object.defineProperty(secure([]), "alpnProtocol", { get: () => "h2", set() {} }),
    });
    const answers = await Promise.all([
      post1({ agent }),
      post1({ agent }),
      post1({ createConnection: () => secure(["http/1.1"]) }),
      post1({ createConnection: () => secure([]) }),
      ...[clear2, secure2, bare2].flatMap((session) => Array.from({ length: 20 }, () => post2(session))),
    ]);
    for (const answer of answers) expect(answer).toMatchObject(STORED);
    expect(answers[0]?.headers).toMatchObject({ "content-length": "55", date: expect.any(String) as string });
    for (const session of [clear2, secure2, bare2]) session.close();
    agent.destroy();
  });

  test("with TLS alone, clear text is not answered", async () => {
    await start({ tls: testTls });
    await expect(post1()).rejects.toThrow(/socket hang up|ECONNRESET/u);
  });

  test("Expect: 100-continue is answered over HTTP/2, unless the body is too large", async () => {
    await start();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const body = JSON.stringify(PUT);
    const statusesFor = async (sizeBytes: number): Promise<number[]> => {
      const headers = { ":method": "POST", ":path": "/", ...HEADERS, expect: "100-continue" };
      const stream = session.request({ ...headers, "content-length": sizeBytes });
      const statuses: number[] = [];
      stream.once("continue", () => {
        statuses.push(100);
        stream.end(body);
      });
      stream.once("response", (received) => statuses.push(received[":status"] ?? 0));
      stream.on("error", () => undefined).resume();
      await new Promise((resolve) => stream.once("close", resolve));
      return statuses;
    };
    expect(await statusesFor(body.length)).toEqual([100, 200]);
    expect(await statusesFor(17 * 1_048_576)).toEqual([413]);
    session.close();
  });

  test("a page from elsewhere hears of a refusal before its request is read, too", async () => {
    const headers = { ...HEADERS, origin: "https://app.example" };
    const heard = { "access-control-allow-origin": "*", "access-control-expose-headers": expect.any(String) as string };
    await start({ limits: { bodyBytesMax: 10 } });
    expect(await post1({ headers })).toMatchObject({ status: 413, headers: heard });
    await server.close({ graceMs: 1_000 });
    await start({ limits: { requestsMax: 0 } });
    expect(await post1({ headers })).toMatchObject({ status: 503, headers: heard });
    expect((await post1()).headers).not.toHaveProperty("access-control-allow-origin");
  });

  test("a client that sends all and shuts its side is answered", async () => {
    await start();
    const socket = connect(port, "127.0.0.1");
    const body = JSON.stringify(PUT);
    const head = Object.entries(HEADERS)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("");
    socket.end(`POST / HTTP/1.1\r\n${head}content-length: ${body.length}\r\n\r\n${body}`);
    const [answer] = (
      await new Promise<Buffer[]>((resolve) => socket.once("data", (chunk: Buffer) => resolve([chunk])))
    ).map(String);
    expect(answer).toContain("200 OK");
    socket.destroy();
  });
});
