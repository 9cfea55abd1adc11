import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  PutRecordCommand,
} from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./harness/cluster.ts";
import { SingleNode } from "./harness/single.ts";

interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
}

interface Export {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly CollectedSpan[] }[] }[];
}

const TRACE = "0af7651916cd43dd8448eb211c80319c";
let collector: Server;
let bodies: string[];
let node: SingleNode;

beforeAll(async () => {
  bodies = [];
  collector = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      if (request.url === "/v1/traces") bodies.push(body);
      response.end("{}");
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  node = await SingleNode.start("--memory", "--streams", "orders:1", "--otlp-endpoint", endpoint, "--otlp-sample", "0");
}, 60_000);

afterAll(async () => {
  await node.destroy();
  collector.close();
});

const spans = (): CollectedSpan[] =>
  bodies.flatMap((body) =>
    (JSON.parse(body) as Export).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
  );

/** A client whose requests are parts of a trace. */
function traced(flags: string): KinesisClient {
  const client = node.client();
  client.middlewareStack.add(
    (next) => (context) => {
      const { headers } = context.request as { headers: Record<string, string> };
      headers["traceparent"] = `00-${TRACE}-b7ad6b7169203331-${flags}`;
      return next(context);
    },
    { step: "build" },
  );
  return client;
}

test("S: a put is traced from the client's span to the broker that stores it; nothing of the record is in the trace", async () => {
  const record = { StreamName: "orders", PartitionKey: "secret key", Data: Buffer.from("secret data") };
  const client = traced("01");
  await client.send(new PutRecordCommand(record));
  await eventually(
    () => spans().length >= 3,
    10_000,
    () => JSON.stringify(spans()),
  );
  const byName = new Map(spans().map((span) => [span.name, span]));
  const [put, send, append] = ["Kinesis/PutRecord", "ShardLog.Append", "append"].map((name) => byName.get(name));
  expect(put).toMatchObject({ traceId: TRACE, parentSpanId: "b7ad6b7169203331", kind: 2, status: {} });
  expect(send).toMatchObject({ traceId: TRACE, parentSpanId: put?.spanId, kind: 3 });
  expect(append).toMatchObject({ traceId: TRACE, parentSpanId: send?.spanId, kind: 2 });
  expect(BigInt(put?.endTimeUnixNano ?? 0) - BigInt(put?.startTimeUnixNano ?? 0)).toBeGreaterThan(0n);
  expect(bodies.join("")).toContain('"service.instance.id","value":{"stringValue":"single"}');
  for (const text of ["secret", Buffer.from("secret data").toString("base64")])
    expect(bodies.join("")).not.toContain(text);
}, 60_000);

test("S: errors are marked, reads are traced, and what is not sampled is not sent", async () => {
  const client = traced("01");
  const absent = { StreamName: "absent", PartitionKey: "k", Data: Buffer.from("x") };
  await expect(client.send(new PutRecordCommand(absent))).rejects.toThrow();
  const start = { StreamName: "orders", ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" } as const;
  const { ShardIterator } = await client.send(new GetShardIteratorCommand(start));
  await client.send(new GetRecordsCommand({ ShardIterator }));
  await eventually(() => spans().some(({ name }) => name === "ShardLog.Read"), 10_000);
  expect(spans().some(({ name, status }) => name === "Kinesis/PutRecord" && status.code === 2)).toBe(true);
  const before = spans().length;
  for (const quiet of [traced("00"), node.client()]) {
    await quiet.send(new PutRecordCommand({ ...absent, StreamName: "orders" }));
  }
  await client.send(new GetRecordsCommand({ ShardIterator }));
  await eventually(() => spans().length > before, 10_000);
  expect(
    spans()
      .slice(before)
      .map(({ name }) => name),
  ).not.toContain("Kinesis/PutRecord");
}, 60_000);
