import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHttpServer, type HttpServer } from "./server.ts";
import { exchangeRaw, fixedWorld, testHandler } from "./testing/server-fixtures.ts";

/**
 * Requests and answers as they are on the wire. A file holds comments (`#`), the request's head, an empty line, its
 * body (text, or `hex:` and bytes), then `----` and the answer. `vitest -u` rewrites the answers.
 */
const directory = fileURLToPath(new URL("../../testdata/golden/", import.meta.url));
const files = readdirSync(directory).filter((name) => name.endsWith(".txt"));

let server: HttpServer;
let port: number;
beforeAll(async () => {
  server = createHttpServer({ world: fixedWorld() }, testHandler);
  ({ port } = await server.listen(0, "127.0.0.1"));
});
afterAll(() => server.close({ graceMs: 1_000 }));

test.each(files)("%s", async (file) => {
  const [story = ""] = readFileSync(directory + file, "utf8").split("\n----\n");
  const answer = await exchangeRaw(port, requestBytes(story));
  await expect(`${story}\n----\n${render(answer)}\n`).toMatchFileSnapshot(directory + file);
});

function requestBytes(story: string): Buffer {
  const lines = story.split("\n").filter((line) => !line.startsWith("#"));
  const end = lines.indexOf("");
  const head = end === -1 ? lines : lines.slice(0, end);
  const bodyText = end === -1 ? "" : lines.slice(end + 1).join("\n");
  const body = bodyText.startsWith("hex:")
    ? Buffer.from(bodyText.slice(4).replace(/\s/gu, ""), "hex")
    : Buffer.from(bodyText);
  const headers = ["Host: localhost", "Connection: close", `Content-Length: ${body.length}`];
  return Buffer.concat([Buffer.from([...head, ...headers, "", ""].join("\r\n")), body]);
}

function render(answer: string): string {
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  const isText = /^[\x20-\x7e\n]*$/u.test(body);
  return `${head.replaceAll("\r\n", "\n")}\n\n${isText ? body : `hex:${Buffer.from(body, "latin1").toString("hex")}`}`;
}
