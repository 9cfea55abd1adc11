import dns from "node:dns";
import { Client, credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, expect, test, vi } from "vitest";
import { BROKER_CHANNEL_OPTIONS, CONTROLLER_CHANNEL_OPTIONS } from "./channel-options.ts";

afterEach(() => vi.restoreAllMocks());

test.each([
  ["brokers", BROKER_CHANNEL_OPTIONS],
  ["controllers", CONTROLLER_CHANNEL_OPTIONS],
])(
  "O01: channels to %s find a pod that is made anew, under another address, within moments",
  async (_whom, options) => {
    const server = new Server();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    // Its earlier address, where nobody listens any more.
    let address = "127.0.0.2";
    vi.spyOn(dns.promises, "lookup").mockImplementation((() => Promise.resolve([{ address, family: 4 }])) as never);
    const client = new Client(`dns:broker.test:${port}`, credentials.createInsecure(), options);
    const ready = (withinMs: number): Promise<boolean> =>
      new Promise((resolve) => client.waitForReady(Date.now() + withinMs, (error) => resolve(error === undefined)));
    try {
      expect(await ready(700)).toBe(false);
      address = "127.0.0.1";
      expect(await ready(5_000)).toBe(true);
    } finally {
      client.close();
      server.forceShutdown();
    }
  },
);
