import { Server, ServerCredentials, type ServerWritableStream } from "@grpc/grpc-js";
import { type RawFrame, ShardLog, type SubscribeRequest } from "@millrace/proto";
import { MIB } from "@millrace/util";
import { expect, onTestFinished, test, vi } from "vitest";
import { connectShardLogOverGrpc } from "./grpc-shard-log.ts";

test("a subscription that is not read takes a bounded part of what its broker has for it", async () => {
  const frameBytes = MIB / 2;
  let takenBytes = 0;
  const server = new Server();
  server.addService(ShardLog.service, {
    subscribe: (call: ServerWritableStream<SubscribeRequest, RawFrame>) => {
      const push = (): void => {
        call.write({ payload: Buffer.alloc(frameBytes) }, () => {
          takenBytes += frameBytes;
          if (takenBytes < 64 * MIB && !call.cancelled) push();
        });
      };
      push();
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  let isUp = false;
  const connection = connectShardLogOverGrpc()(`127.0.0.1:${port}`, { up: () => (isUp = true), down: () => undefined });
  onTestFinished(() => {
    connection.close();
    server.forceShutdown();
  });
  await vi.waitFor(() => expect(isUp).toBe(true), 5_000);
  const frames = connection.subscribe(1, 0)[Symbol.asyncIterator]();
  expect((await frames.next()).done).toBe(false);
  let seenBytes = -1;
  await vi.waitFor(
    () => {
      const isStill = takenBytes === seenBytes;
      seenBytes = takenBytes;
      expect(isStill).toBe(true);
    },
    { timeout: 5_000, interval: 300 },
  );
  expect(takenBytes).toBeLessThan(5 * MIB);
  while (takenBytes < 64 * MIB) await frames.next();
}, 30_000);
