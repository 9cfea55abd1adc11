import { KinesisClient, ListStreamsCommand, PutRecordCommand, CreateStreamCommand } from "@aws-sdk/client-kinesis";
import { realWorld } from "@millrace/util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseInput } from "../protocol/read-input.ts";
import { serializeOutput } from "../protocol/write-output.ts";
import type { ApiRequest, ApiResponse } from "./api-types.ts";
import { createHttpServer, type HttpServer } from "./server.ts";

async function handler(request: ApiRequest): Promise<ApiResponse> {
  switch (request.operation) {
    case "PutRecord": {
      const input = parseInput("PutRecord", request.encoding, request.body);
      const output = { ShardId: "shardId-000000000000", SequenceNumber: String(input.Data.length) };
      return { status: 200, body: serializeOutput("PutRecord", request.encoding, output) };
    }
    case "CreateStream":
      parseInput("CreateStream", request.encoding, request.body);
      return { status: 200, body: serializeOutput("CreateStream", request.encoding, undefined) };
    default:
      throw new Error("boom");
  }
}

describe("the port", () => {
  let server: HttpServer;
  let client: KinesisClient;
  beforeEach(async () => {
    server = createHttpServer({ world: realWorld() }, handler);
    const { port } = await server.listen(0, "127.0.0.1");
    client = new KinesisClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: "eu-west-1",
      credentials: { accessKeyId: "a", secretAccessKey: "b" },
      maxAttempts: 1,
    });
  });
  afterEach(async () => {
    client.destroy();
    await server.close({ graceMs: 1_000 });
  });

  test("the AWS SDK speaks HTTP/2 by prior knowledge", async () => {
    await client.send(new CreateStreamCommand({ StreamName: "s" }));
    const put = await client.send(
      new PutRecordCommand({ StreamName: "s", PartitionKey: "p", Data: Buffer.alloc(1000) }),
    );
    expect(put.SequenceNumber).toBe("1000");
    await expect(client.send(new ListStreamsCommand({}))).rejects.toMatchObject({ name: "InternalFailure" });
    await expect(client.send(new CreateStreamCommand({ StreamName: "s/" }))).rejects.toMatchObject({
      name: "ValidationException",
      message:
        "1 validation error detected: Value 's/' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    });
  });
});
