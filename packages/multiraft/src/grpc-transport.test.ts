import { EventEmitter } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { Peer, type RawFrame } from "@millrace/proto";
import { realWorld, silentLogger } from "@millrace/util";
import { expect, test, vi } from "vitest";
import { GrpcPeerTransport, type PeerStream } from "./grpc-transport.ts";

/** A stream's two ends in this process: what is written at one comes out at the other. */
class Pipe extends EventEmitter {
  peer: Pipe | undefined;
  write(frame: RawFrame, written?: () => void): boolean {
    const { peer } = this;
    queueMicrotask(() => {
      peer?.emit("data", frame);
      written?.();
    });
    return true;
  }
  end(): void {}
  cancel(): void {}
  pause(): void {}
  resume(): void {}
}

function pipes(): { near: Pipe; far: Pipe } {
  const near = new Pipe();
  const far = new Pipe();
  [near.peer, far.peer] = [far, near];
  return { near, far };
}

const { clock, random } = realWorld();
const common = { clusterId: "c", clock, random, logger: silentLogger };
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a peer stays connected when an old process's stream ends after ours to the new one is up", async () => {
  const states: string[] = [];
  const accepting = new GrpcPeerTransport({ ...common, nodeId: "b" });
  accepting.start({ message: () => undefined, connected: () => undefined, disconnected: () => undefined });
  const transport = new GrpcPeerTransport({
    ...common,
    nodeId: "a",
    connect: () => {
      const { near, far } = pipes();
      accepting.handlers.exchange(far);
      return near as unknown as PeerStream;
    },
  });
  transport.start({
    message: () => undefined,
    connected: (peer) => states.push(`connected ${peer}`),
    disconnected: (peer) => states.push(`disconnected ${peer}`),
  });
  const old = pipes();
  transport.handlers.exchange(old.far);
  old.near.write({ payload: Buffer.from(JSON.stringify({ wireVersion: 1, nodeId: "b", clusterId: "c" })) });
  transport.setPeers(new Map([["b", "there:1"]]));
  await vi.waitFor(() => expect(states).toEqual(["connected b"]));
  old.far.emit("cancelled");
  await settle();
  expect(states).toEqual(["connected b", "disconnected b", "connected b"]);
  await transport.close();
  await accepting.close();
});

test("whoever is at an address is known by the name in its hello, and what is for the one before is not sent there", async () => {
  const connected: string[] = [];
  const accepting = new GrpcPeerTransport({ ...common, nodeId: "b/2" });
  accepting.start({ message: () => undefined, connected: () => undefined, disconnected: () => undefined });
  const transport = new GrpcPeerTransport({
    ...common,
    nodeId: "a",
    hostOf: (nodeId) => nodeId.split("/")[0] ?? "",
    connect: () => {
      const { near, far } = pipes();
      accepting.handlers.exchange(far);
      return near as unknown as PeerStream;
    },
  });
  transport.start({
    message: () => undefined,
    connected: (peer) => connected.push(peer),
    disconnected: () => undefined,
  });
  transport.setPeers(new Map([["b", "there:1"]]));
  await vi.waitFor(() => expect(connected).toEqual(["b/2"]));
  expect(transport.send("b", { payload: Buffer.from("x") })).toBe(false);
  expect(transport.send("b/2", { payload: Buffer.from("x") })).toBe(true);
  await transport.close();
  await accepting.close();
});

test("a connection on which nothing passes any more is given up, and made anew", async () => {
  const heard: string[] = [];
  const accepting = new GrpcPeerTransport({ ...common, nodeId: "b" });
  accepting.start({
    message: (from, payload) => {
      heard.push(`${from}: ${payload.toString()}`);
      return undefined;
    },
    connected: () => undefined,
    disconnected: () => undefined,
  });
  const server = new Server();
  server.addService(Peer.service, accepting.handlers as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const sockets: Socket[] = [];
  const between = createServer((near) => {
    const far = connectTcp(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.push(socket);
      socket.on("error", () => undefined);
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
  const transport = new GrpcPeerTransport({ ...common, nodeId: "a" });
  const states: string[] = [];
  transport.start({
    message: () => undefined,
    connected: () => states.push("connected"),
    disconnected: () => states.push("disconnected"),
  });
  transport.setPeers(new Map([["b", `127.0.0.1:${(between.address() as AddressInfo).port}`]]));
  await vi.waitFor(() => expect(states).toEqual(["connected"]), 5_000);
  // What was open is as if cut, without a word to either end; a new connection gets through.
  for (const socket of sockets) socket.unpipe().pause();
  transport.send("b", { payload: Buffer.from("lost") });
  await vi.waitFor(() => expect(states).toEqual(["connected", "disconnected", "connected"]), {
    timeout: 20_000,
    interval: 50,
  });
  transport.send("b", { payload: Buffer.from("heard") });
  await vi.waitFor(() => expect(heard).toEqual(["a: heard"]), 5_000);
  await transport.close();
  await accepting.close();
  server.forceShutdown();
  for (const socket of sockets) socket.destroy();
  between.close();
}, 40_000);
