import { randomBytes } from "node:crypto";
import http2 from "node:http2";
import { connect } from "node:net";
import { realWorld } from "@millrace/util";
import { afterEach, describe, expect, test } from "vitest";
import type { ApiHandler } from "./api-types.ts";
import { createHttpServer, type HttpLimits, type HttpServer } from "./server.ts";
import { exchangeRaw, receiveAll, testHandler, testTls } from "./testing/server-fixtures.ts";

const TARGET = (operation: string): string =>
  [
    "POST / HTTP/1.1",
    `X-Amz-Target: Kinesis_20131202.${operation}`,
    "Content-Type: application/x-amz-json-1.1",
    "Authorization: AWS4-HMAC-SHA256 Credential=a/b/eu-west-1/kinesis/aws4_request, SignedHeaders=host, Signature=0",
    "X-Amz-Date: 20260115T120000Z\r\n",
  ].join("\r\n");
const PUT_BODY = '{"StreamName":"s","PartitionKey":"k","Data":"aGk="}';
const PUT = `${TARGET("PutRecord")}Connection: close\r\nContent-Length: ${PUT_BODY.length}\r\n\r\n${PUT_BODY}`;

let server: HttpServer;
let port: number;
async function start(limits: Partial<HttpLimits> = {}, handler: ApiHandler = testHandler): Promise<void> {
  server = createHttpServer({ world: realWorld(), limits, tls: testTls, allowPlaintext: true }, handler);
  ({ port } = await server.listen(0, "127.0.0.1"));
}
afterEach(() => server.close({ graceMs: 500 }));

async function isServing(): Promise<boolean> {
  return (await exchangeRaw(port, PUT)).startsWith("HTTP/1.1 200");
}

const status = (answer: string): string => answer.slice(0, 12);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("sizes", () => {
  test("a body that is announced or grows too large is answered with 413 and an empty body", async () => {
    await start({ bodyBytesMax: 1_000 });
    const announced = await exchangeRaw(port, `${TARGET("PutRecord")}Content-Length: 1001\r\n\r\n`);
    const grown = await exchangeRaw(
      port,
      `${TARGET("PutRecord")}Transfer-Encoding: chunked\r\n\r\n400\r\n${"a".repeat(1024)}\r\n`,
    );
    const asked = await exchangeRaw(
      port,
      `${TARGET("PutRecord")}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n`,
    );
    for (const answer of [announced, grown, asked]) expect(answer).toMatch(/^HTTP\/1.1 413 .*\r\n\r\n$/su);
    expect(await isServing()).toBe(true);
  });

  test("over HTTP/2 too, and the connection goes on", async () => {
    await start({ bodyBytesMax: 1_000 });
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const send = (length: number): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ":method": "POST" });
        stream.on("response", (headers) => resolve(headers[":status"]));
        stream.on("error", reject);
        stream.resume();
        stream.end(Buffer.alloc(length, 0x20));
      });
    expect(await send(200_000)).toBe(413);
    expect(await send(10)).toBe(403);
    session.close();
  });

  test("a whole body of sixteen MiB passes, in chunks of unknown length as well", async () => {
    await start();
    const data = Buffer.alloc(10_485_760, 1).toString("base64");
    const body = `{"StreamName":"s","PartitionKey":"k","Data":"${data}"}`;
    const plain = await exchangeRaw(
      port,
      `${TARGET("PutRecord")}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(plain).toContain('"SequenceNumber":"10485760"');
    const chunked = `${TARGET("PutRecord")}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    expect(await exchangeRaw(port, chunked)).toContain('"SequenceNumber":"10485760"');
  });

  test("headers are bounded", async () => {
    await start();
    expect(status(await exchangeRaw(port, `POST / HTTP/1.1\r\nA: ${"a".repeat(20_000)}\r\n\r\n`))).toBe("HTTP/1.1 431");
    expect(await isServing()).toBe(true);
  });

  test("Expect: 100-continue is answered at once", async () => {
    await start();
    const socket = connect(port, "127.0.0.1");
    const answer = receiveAll(socket);
    socket.write(
      `${TARGET("PutRecord")}Connection: close\r\nExpect: 100-continue\r\nContent-Length: ${PUT_BODY.length}\r\n\r\n`,
    );
    await new Promise((resolve) => socket.once("data", resolve));
    socket.write(PUT_BODY);
    expect(await answer).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/u);
  });
});

describe("clients that are slow, silent or talk nonsense", () => {
  test("say nothing, or part of a header, or part of a body: each is ended in its time", async () => {
    await start({ firstBytesTimeoutMs: 100, headersTimeoutMs: 200, bodyIdleTimeoutMs: 100, bodyTimeoutMs: 300 });
    const silent = receiveAll(connect(port, "127.0.0.1"));
    const undecided = exchangeRaw(port, "PRI");
    const halfTls = exchangeRaw(port, Buffer.from([0x16, 3, 1]));
    const header = exchangeRaw(port, "POST / HTTP/1.1\r\nA: b\r\n");
    const body = exchangeRaw(port, `${TARGET("PutRecord")}Content-Length: 100\r\n\r\n{`);
    expect(await silent).toBe("");
    expect(await undecided).toBe("");
    await halfTls;
    expect(status(await header)).toBe("HTTP/1.1 408");
    expect(status(await body)).toBe("HTTP/1.1 408");
    const dribble = connect(port, "127.0.0.1");
    const answer = receiveAll(dribble);
    dribble.write(`${TARGET("PutRecord")}Content-Length: 100000\r\n\r\n`);
    const drip = setInterval(() => dribble.write(" "), 20);
    expect(status(await answer)).toBe("HTTP/1.1 408");
    clearInterval(drip);
    await until(() => server.connectionCount === 0 && server.requestCount === 0);
  });

  test("an HTTP/2 peer that vanished is found by a ping, an idle one is sent away", async () => {
    await start({ http2PingIntervalMs: 50, keepAliveTimeoutMs: 300 });
    const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const mute = exchangeRaw(port, Buffer.concat([Buffer.from(preface), Buffer.from("000000040000000000", "hex")]));
    const session = http2.connect(`http://127.0.0.1:${port}`);
    await Promise.all([mute, new Promise((resolve) => session.once("close", resolve))]);
    await until(() => server.connectionCount === 0);
  });

  test("an HTTP/2 peer that answers no ping, and still sends, is there", async () => {
    await start({ http2PingIntervalMs: 50, keepAliveTimeoutMs: 10_000 });
    const socket = connect(port, "127.0.0.1");
    const settings = Buffer.from("000000040000000000", "hex");
    socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings]));
    const windowUpdate = Buffer.from("00000408000000000000000001", "hex");
    const talk = setInterval(() => socket.write(windowUpdate), 10);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(server.connectionCount).toBe(1);
    clearInterval(talk);
    await until(() => server.connectionCount === 0);
  });

  test("garbage, whatever it begins with, ends its own connection only", async () => {
    await start({ firstBytesTimeoutMs: 200, headersTimeoutMs: 200 });
    const beginnings = [
      "",
      "GET / HTTP/9.9\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nXX",
      "\x16\x03\x01",
      "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
      "CONNECT a:1 HTTP/1.1\r\n\r\n",
    ];
    const connections = Array.from({ length: 70 }, (_, index) => {
      const beginning = Buffer.from(beginnings[index % beginnings.length] as string, "latin1");
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.end(Buffer.concat([beginning, randomBytes(index * 20 + 1)]));
      return receiveAll(socket);
    });
    await Promise.all(connections);
    expect(await isServing()).toBe(true);
    await until(() => server.connectionCount === 0);
  });

  test("bytes of HTTP/2 frames, mutated at random", async () => {
    await start({ firstBytesTimeoutMs: 200, http2PingIntervalMs: 100 });
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const connections = Array.from({ length: 60 }, (_, index) => {
      const frames = Array.from({ length: 5 }, () => {
        const payload = randomBytes(index);
        return Buffer.concat([
          Buffer.from([0, 0, payload.length, index % 11, index % 64, 0, 0, 0, index % 3]),
          payload,
        ]);
      });
      return exchangeRaw(port, Buffer.concat([preface, Buffer.from("000000040000000000", "hex"), ...frames]));
    });
    await Promise.all(connections);
    expect(await isServing()).toBe(true);
  });
});

describe("O15: more than fits at once", () => {
  test("O15: large bodies beyond the byte budget wait, then are refused with a retryable error; small ones pass", async () => {
    await start({ bodyBudgetBytes: 10_000, bodyBytesMax: 10_000, bodyBudgetWaitMs: 100, bodyIdleTimeoutMs: 2_000 });
    const hog = connect(port, "127.0.0.1");
    hog.write(`${TARGET("PutRecord")}Content-Length: 10000\r\n\r\n{`);
    await until(() => server.requestCount === 1);
    expect(status(await exchangeRaw(port, PUT))).toBe("HTTP/1.1 200");
    const large = `${TARGET("PutRecord")}Connection: close\r\nContent-Length: 5000\r\n\r\n${PUT_BODY.padStart(5_000)}`;
    const refused = await exchangeRaw(port, large);
    expect(status(refused)).toBe("HTTP/1.1 503");
    expect(refused).toContain("ServiceUnavailableException");
    const waiting = exchangeRaw(port, large);
    hog.destroy();
    expect(status(await waiting)).toBe("HTTP/1.1 200");
  });

  test("O15: an HTTP/2 session goes on after a body of it was refused", async () => {
    const bytes = 7_000_000;
    await start({
      bodyBudgetBytes: 8_000_000,
      bodyBytesMax: 8_000_000,
      bodyBudgetWaitMs: 100,
      bodyIdleTimeoutMs: 20_000,
    });
    const hog = connect(port, "127.0.0.1");
    hog.write(`${TARGET("PutRecord")}Content-Length: 7900000\r\n\r\n{`);
    await until(() => server.requestCount === 1);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const put = async (): Promise<number> => {
      const stream = session.request({
        ":method": "POST",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "Kinesis_20131202.PutRecord",
        authorization: "A Credential=a,SignedHeaders=b,Signature=c",
        "x-amz-date": "x",
        "content-length": bytes,
      });
      stream.on("error", () => undefined).end(PUT_BODY.padStart(bytes));
      const status = await new Promise<number>((resolve) => {
        stream.once("response", (headers) => resolve(headers[":status"] ?? 0));
        stream.once("close", () => resolve(0));
      });
      stream.resume();
      return status;
    };
    expect(await put()).toBe(503);
    hog.destroy();
    await until(() => server.requestCount === 0);
    for (let i = 0; i < 5; i++) expect(await put()).toBe(200);
    session.destroy();
  }, 15_000);

  test("requests beyond the bound are refused, and the bound holds for HTTP/2", async () => {
    await start({ requestsMax: 2 });
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const list = {
      ":method": "POST",
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "Kinesis_20131202.ListStreams",
      authorization: "A Credential=a,SignedHeaders=b,Signature=c",
      "x-amz-date": "x",
    };
    const held = [session.request(list), session.request(list)];
    for (const stream of held) stream.on("error", () => undefined).end("{}");
    await until(() => server.requestCount === 2);
    expect(status(await exchangeRaw(port, PUT))).toBe("HTTP/1.1 503");
    for (const stream of held) stream.close(http2.constants.NGHTTP2_CANCEL);
    await until(() => server.requestCount === 0);
    expect(await isServing()).toBe(true);
    session.close();
  });

  test("connections beyond the bound are dropped", async () => {
    await start({ connectionsMax: 2 });
    const held = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
    await until(() => server.connectionCount === 2);
    expect(await exchangeRaw(port, PUT)).toBe("");
    for (const socket of held) socket.destroy();
  });

  test("an HTTP/2 session lets new requests in, however many large answers its client has not read yet", async () => {
    const page = Buffer.alloc(10_000_000, "x");
    await start({}, ({ operation }) => {
      if (operation === "ListShards") return Promise.resolve({ status: 200, body: Buffer.from("{}") });
      if (operation === "GetRecords") return Promise.resolve({ status: 200, body: [Buffer.from("{"), page, page] });
      const stream = (async function* () {
        yield await Promise.resolve(page);
      })();
      return Promise.resolve({ contentType: "application/vnd.amazon.eventstream", stream });
    });
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const ask = (operation: string): http2.ClientHttp2Stream =>
      session
        .request({
          ...{ ":method": "POST", "content-type": "application/x-amz-json-1.1" },
          ...{ "x-amz-target": `Kinesis_20131202.${operation}`, "x-amz-date": "x" },
          authorization: "A Credential=a,SignedHeaders=b,Signature=c",
        })
        .end("{}");
    const unread = ["GetRecords", "SubscribeToShard"].flatMap((operation) =>
      Array.from({ length: 8 }, () => ask(operation)),
    );
    await Promise.all(unread.map((stream) => new Promise((resolve) => stream.once("response", resolve))));
    const sizeOf = async (stream: http2.ClientHttp2Stream): Promise<number> => {
      let sizeBytes = 0;
      for await (const chunk of stream) sizeBytes += (chunk as Buffer).length;
      return sizeBytes;
    };
    expect(await sizeOf(ask("ListShards"))).toBe(2);
    const sizes = await Promise.all(unread.map(sizeOf));
    expect(sizes).toEqual([...Array(8).fill(2 * page.length + 1), ...Array(8).fill(page.length)]);
    session.destroy();
  }, 30_000);

  test("O13: a subscriber that does not read holds back its producer, not memory", async () => {
    let produced = 0;
    let isEnded = false;
    await start({ writeTimeoutMs: 300 }, () =>
      Promise.resolve({
        contentType: "application/vnd.amazon.eventstream",
        stream: (async function* () {
          try {
            for (;;) {
              produced += 1;
              yield await Promise.resolve(Buffer.alloc(100_000));
            }
          } finally {
            isEnded = true;
          }
        })(),
      }),
    );
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(PUT);
    socket.pause();
    await until(() => isEnded);
    expect(produced).toBeLessThan(200);
    socket.destroy();
    await until(() => server.requestCount === 0);
  });
});

describe("ends", () => {
  const slow =
    (settle: (signal: AbortSignal) => Promise<unknown>): ApiHandler =>
    async ({ signal }) => {
      await settle(signal);
      return { status: 200, body: [Buffer.from("{"), Buffer.from("}")] };
    };
  const aborted = (signal: AbortSignal): Promise<unknown> =>
    new Promise((resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
    );

  test("a client that leaves is noticed by the operation", async () => {
    let reason: unknown;
    await start(
      {},
      slow((signal) => aborted(signal).catch((error: unknown) => (reason = error))),
    );
    const socket = connect(port, "127.0.0.1");
    socket.write(PUT);
    await until(() => server.requestCount === 1);
    socket.destroy();
    await until(() => reason !== undefined && server.requestCount === 0);
    expect(reason).toMatchObject({ awsName: "ServiceUnavailableException" });
  });

  test("an operation past its deadline is answered with a retryable error", async () => {
    await start({ handlerTimeoutMs: 50 }, slow(aborted));
    expect(await exchangeRaw(port, PUT)).toMatch(/^HTTP\/1.1 503 .*ServiceUnavailableException/su);
  });

  test("closing lets requests in flight finish, and forces those that do not", async () => {
    let finish = (): void => undefined;
    await start(
      {},
      slow(() => new Promise<void>((resolve) => (finish = resolve))),
    );
    const answer = exchangeRaw(port, PUT.replace("Connection: close", "X: y"));
    await until(() => server.requestCount === 1);
    const closing = server.close({ graceMs: 10_000 });
    finish();
    expect(await answer).toMatch(/^HTTP\/1.1 200 .*Connection: close.*\{\}$/su);
    await closing;

    await start({}, slow(aborted));
    const stuck = exchangeRaw(port, PUT);
    await until(() => server.requestCount === 1);
    await server.close({ graceMs: 20 });
    expect(await stuck).toBe("");
    expect(server.connectionCount).toBe(0);
  });
});
