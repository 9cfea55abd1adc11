import { EventEmitter } from "node:events";
import type { RawFrame } from "@millrace/proto";
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
