/** For tests of the HTTP layer: a handler with answers of its own, and a world whose time and ids are fixed. */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { realWorld, type World } from "@millrace/util";
import { awsError } from "../../errors.ts";
import { encodeInitialResponse, encodeModelEvent, EVENT_STREAM_CONTENT_TYPE } from "../../protocol/event-stream.ts";
import { parsePut } from "../../protocol/put-batch.ts";
import { parseInput } from "../../protocol/read-input.ts";
import { serializeOutput } from "../../protocol/write-output.ts";
import type { ApiRequest, ApiResponse } from "../api-types.ts";

export const FIXED_NOW_MS = Date.UTC(2026, 0, 15, 12, 0, 0);

export function fixedWorld(): World {
  const world = realWorld();
  const random = { ...world.random, bytes: (count: number) => Buffer.alloc(count, 0xab), fork: () => random };
  return { ...world, clock: { ...world.clock, nowMs: () => FIXED_NOW_MS }, random };
}

export const testTls = {
  cert: readFileSync(new URL("../../../testdata/tls/localhost.cert.pem", import.meta.url)),
  key: readFileSync(new URL("../../../testdata/tls/localhost.key.pem", import.meta.url)),
};

/** Puts count bytes, reads return a fixed page, subscriptions tick until they are ended, ListChannels breaks. */
export async function testHandler(request: ApiRequest): Promise<ApiResponse> {
  const { operation, encoding, body, accountId } = request;
  switch (operation) {
    case "CreateStream":
      parseInput(operation, encoding, body);
      return { status: 200, body: serializeOutput(operation, encoding, undefined) };
    case "DeleteStream": {
      const { StreamName = "" } = parseInput(operation, encoding, body);
      throw awsError("STREAM_NOT_FOUND", { stream: StreamName, accountId });
    }
    case "PutRecord":
    case "PutRecords": {
      const batch = parsePut(operation, encoding, body);
      const results = Array.from(batch.dataLengths, (length) => ({
        SequenceNumber: String(length),
        ShardId: "shardId-000000000000",
      }));
      const [first] = results;
      if (operation === "PutRecord" && first !== undefined) {
        return { status: 200, body: serializeOutput(operation, encoding, first) };
      }
      const output = { FailedRecordCount: 0, Records: results };
      return { status: 200, body: serializeOutput("PutRecords", encoding, output) };
    }
    case "GetRecords": {
      parseInput(operation, encoding, body);
      const page = {
        Records: [
          {
            SequenceNumber: "1",
            ApproximateArrivalTimestamp: 1_441_215_410_867,
            Data: Buffer.from("hi"),
            PartitionKey: "k",
          },
        ],
        NextShardIterator: "AAAA",
        MillisBehindLatest: 0,
      };
      return { status: 200, body: serializeOutput(operation, encoding, page) };
    }
    case "SubscribeToShard":
      parseInput(operation, encoding, body);
      return { contentType: EVENT_STREAM_CONTENT_TYPE, stream: ticks(request) };
    case "ListStreams":
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve, { once: true }));
      throw request.signal.reason;
    default:
      throw new Error("this handler has no such operation");
  }
}

/** Three events; consumers whose name ends in `:2` get an error then, others wait for their end. */
async function* ticks({ signal, body }: ApiRequest): AsyncGenerator<Uint8Array> {
  yield encodeInitialResponse();
  for (let tick = 1; tick <= 3; tick++) {
    yield encodeModelEvent("SubscribeToShardEvent", {
      Records: [{ SequenceNumber: String(tick), Data: Buffer.from([tick]), PartitionKey: "k" }],
      ContinuationSequenceNumber: String(tick),
      MillisBehindLatest: 0,
    });
  }
  if (body.includes("consumer/c:2")) throw awsError("RESOURCE_IN_USE", { text: "Another active subscription exists." });
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

/** Everything a server sends until it closes the connection. */
export async function exchangeRaw(port: number, request: Uint8Array | string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(request);
  return receiveAll(socket);
}

export function receiveAll(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
  });
}
