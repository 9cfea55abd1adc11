import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { zoneOfNode } from "./zone.ts";

let server: Server;
let url: string;

beforeEach(async () => {
  server = createServer((request, response) => {
    if (request.headers.authorization !== "Bearer t") response.writeHead(401).end();
    else if (request.url === "/api/v1/nodes/labelled") {
      response.end(JSON.stringify({ metadata: { labels: { "topology.kubernetes.io/zone": "az-b" } } }));
    } else if (request.url === "/api/v1/nodes/bare") response.end(JSON.stringify({ metadata: { labels: {} } }));
    else if (request.url === "/api/v1/nodes/secret") response.writeHead(403).end("forbidden");
    else response.writeHead(404).end("not found");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
});

test("a node's zone is its label", async () => {
  expect(await zoneOfNode({ url, token: "t" }, "labelled")).toBe("az-b");
});

test("what is missing is said, with the command that mends it", async () => {
  await expect(zoneOfNode({ url, token: "t" }, "bare")).rejects.toThrow(
    "kubectl label node bare topology.kubernetes.io/zone=",
  );
  await expect(zoneOfNode({ url, token: "t" }, "secret")).rejects.toThrow('ClusterRole with "get" on "nodes"');
  await expect(zoneOfNode({ url, token: "t" }, "other")).rejects.toThrow("404");
});
