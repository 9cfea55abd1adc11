import { createHash, createHmac } from "node:crypto";
import http from "node:http";
import http2 from "node:http2";
import { realWorld } from "@millrace/util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createHttpServer, type HttpServer } from "./server.ts";
import { testHandler } from "./testing/server-fixtures.ts";

const SECRET = "secret";
const BODY = JSON.stringify({ StreamName: "s", PartitionKey: "k", Data: "aGk=" });

let server: HttpServer;
let host: string;
beforeEach(async () => {
  const credentials = { secretFor: () => ({ secretAccessKey: SECRET }) };
  server = createHttpServer({ world: realWorld(), credentials }, testHandler);
  host = `127.0.0.1:${(await server.listen(0, "127.0.0.1")).port}`;
});
afterEach(() => server.close({ graceMs: 1_000 }));

type Header = readonly [name: string, value: string];

const hmac = (key: Buffer | string, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Signature Version 4 by the book: values of one name in their order, with a bare comma between them. */
function signed(headers: readonly Header[]): Header[] {
  const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const all: Header[] = [...headers, ["host", host], ["x-amz-date", date]];
  const names = [...new Set(all.map(([name]) => name))].toSorted();
  const valuesOf = (wanted: string): string[] => all.filter(([name]) => name === wanted).map(([, value]) => value);
  const canonical = names.map((name) => `${name}:${valuesOf(name).join(",")}\n`).join("");
  const scope = `${date.slice(0, 8)}/eu-west-1/kinesis/aws4_request`;
  const request = ["POST", "/", "", canonical, names.join(";"), sha256(BODY)].join("\n");
  let key: Buffer | string = `AWS4${SECRET}`;
  for (const part of scope.split("/")) key = hmac(key, part);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", date, scope, sha256(request)].join("\n")).toString("hex");
  const parameters = `Credential=AKID/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return [...all, ["authorization", `AWS4-HMAC-SHA256 ${parameters}`]];
}

const PUT: readonly Header[] = [
  ["content-type", "application/x-amz-json-1.1"],
  ["x-amz-target", "Kinesis_20131202.PutRecord"],
];
const REPEATED: readonly Header[] = [
  ["x-trace", "b"],
  ["x-other", "a, b"],
  ["x-trace", "a"],
  ["x-trace", "a"],
];

function status1(headers: readonly Header[]): Promise<number> {
  const [hostname, port] = host.split(":");
  return new Promise((resolve, reject) => {
    const flat = [...headers.flat(), "content-length", String(BODY.length)];
    const request = http.request({ hostname, port, method: "POST", headers: flat }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", reject);
    request.end(BODY);
  });
}

async function status2(headers: readonly Header[]): Promise<number> {
  const session = http2.connect(`http://${host}`);
  const grouped: Record<string, string | string[]> = { ":method": "POST", ":path": "/" };
  for (const [name, value] of headers.filter(([each]) => each !== "host")) {
    const known = grouped[name];
    grouped[name] = known === undefined ? value : [known, value].flat();
  }
  const stream = session.request(grouped);
  stream.end(BODY);
  const status = await new Promise<number>((resolve, reject) => {
    stream.once("response", (received) => resolve(received[":status"] ?? 0));
    stream.once("error", reject);
  });
  stream.resume();
  session.close();
  return status;
}

test("a header that is repeated is signed with its values in their order, over HTTP/1.1 and HTTP/2", async () => {
  for (const statusOf of [status1, status2]) {
    expect(await statusOf(signed(PUT))).toBe(200);
    expect(await statusOf(signed([...PUT, ...REPEATED]))).toBe(200);
    const [first, ...rest] = signed([...REPEATED, ...PUT]);
    expect(await statusOf([...rest, first as Header])).toBe(400);
  }
});
