import {
  type ChannelCredentials,
  type ChannelOptions,
  type ClientDuplexStream,
  type ServerDuplexStream,
  status,
} from "@grpc/grpc-js";
import { retry } from "@lifeomic/attempt";
import { isFromNode, type NodeCredentials, Peer, PLAIN_TEXT, type RawFrame, recycleFrame } from "@millrace/proto";
import type { NodeId } from "@millrace/raft";
import { type Clock, errorMessage, type Logger, MIB, type Random } from "@millrace/util";
import { SEND_BUFFER_BYTES_MAX } from "./peer-sender.ts";
import type { PeerHandler, PeerTransport } from "./types.ts";
import { WIRE_VERSION } from "./wire.ts";

export interface GrpcTransportOptions {
  readonly nodeId: NodeId;
  /** Nodes of another cluster are refused. */
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Whose address a node has: nodes with the same one take turns there, each with a disk of its own. The node's own id unless given. */
  readonly hostOf?: (nodeId: NodeId) => NodeId;
  /** Plain text unless given. */
  readonly nodeCredentials?: NodeCredentials | undefined;
  /** gRPC unless given. */
  readonly connect?: ConnectPeer;
}

/** One stream to a peer on a connection of its own. It errs or ends once, whatever the reason. */
export interface PeerStream {
  on(event: "data", listener: (frame: RawFrame) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  /** In order. `written`: the connection has it. */
  write(frame: RawFrame, written: () => void): unknown;
  /** Ends the connection too. */
  cancel(): void;
}

export type ConnectPeer = (address: string) => PeerStream;

/** For every channel and server that carries data between nodes. */
export const PEER_CHANNEL_OPTIONS: ChannelOptions = {
  "grpc.max_send_message_length": 64 * MIB,
  "grpc.max_receive_message_length": 64 * MIB,
  "grpc.enable_http_proxy": 0,
  "grpc.enable_retries": 0,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.service_config_disable_resolution": 1,
  // A pod that is made anew has another address under its name.
  "grpc.dns_min_time_between_resolutions_ms": 500,
  "grpc-node.flow_control_window": 8 * MIB,
};

/**
 * Where packets are dropped without a word, TCP sends again more and more rarely, after some minutes every two: it would go on not
 * before that when they pass again. And a process that stands still has what is sent to it kept here.
 */
const PEER_CLIENT_OPTIONS: ChannelOptions = {
  ...PEER_CHANNEL_OPTIONS,
  "grpc.keepalive_time_ms": 5_000,
  "grpc.keepalive_timeout_ms": 5_000,
};

const RECONNECT_DELAY_MS_MIN = 20;
const RECONNECT_DELAY_MS_MAX = 1_000;
const HELLO_TIMEOUT_MS = 2_000;

interface Hello {
  readonly nodeId: NodeId;
  readonly clusterId: string;
}

function encodeHello({ nodeId, clusterId }: Hello): Buffer {
  return Buffer.from(JSON.stringify({ wireVersion: WIRE_VERSION, nodeId, clusterId }));
}

/** @throws Error with a text for the other side */
function decodeHello(payload: Buffer, clusterId: string): Hello {
  const hello = JSON.parse(payload.toString()) as Partial<Hello & { wireVersion: number }>;
  if (hello.wireVersion !== WIRE_VERSION) {
    throw new Error(`wire version ${hello.wireVersion} is not spoken here, ${WIRE_VERSION} is`);
  }
  if (typeof hello.nodeId !== "string" || hello.nodeId === "") throw new Error("a hello without a node id");
  if (hello.clusterId !== clusterId) throw new Error(`cluster ${hello.clusterId} is not ours, ${clusterId} is`);
  return { nodeId: hello.nodeId, clusterId };
}

/** One outgoing stream to each peer; what peers send comes on theirs, by the service's handlers. */
export class GrpcPeerTransport implements PeerTransport {
  readonly #options: GrpcTransportOptions;
  readonly #outgoing = new Map<NodeId, OutgoingPeer>();
  readonly #incoming = new Map<NodeId, ServerDuplexStream<RawFrame, RawFrame>>();
  #handler: PeerHandler | undefined;
  #isClosed = false;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  /** To be added to a gRPC server. */
  readonly handlers: { exchange(call: unknown): void } = {
    exchange: (call: unknown) => this.#accept(call as ServerDuplexStream<RawFrame, RawFrame>),
  };

  start(handler: PeerHandler): void {
    this.#handler = handler;
  }

  setPeers(addresses: ReadonlyMap<NodeId, string>): void {
    for (const [nodeId, peer] of this.#outgoing) {
      if (addresses.get(nodeId) === peer.address) continue;
      this.#outgoing.delete(nodeId);
      peer.close();
    }
    if (this.#isClosed) return;
    for (const [nodeId, address] of addresses) {
      if (this.#outgoing.has(nodeId)) continue;
      const peer = new OutgoingPeer(nodeId, address, this.#options, () => this.#handler);
      this.#outgoing.set(nodeId, peer);
      peer.start();
    }
  }

  #peerOf(nodeId: NodeId): OutgoingPeer | undefined {
    return this.#outgoing.get(this.#options.hostOf?.(nodeId) ?? nodeId);
  }

  send(to: NodeId, frame: RawFrame): boolean {
    const peer = this.#peerOf(to);
    if (peer?.connectedTo === to) return peer.send(frame);
    recycleFrame(frame);
    return false;
  }

  bufferedBytes(to: NodeId): number {
    return this.#peerOf(to)?.bufferedBytes ?? 0;
  }

  onDrain(to: NodeId, listener: () => void): void {
    const peer = this.#peerOf(to);
    if (peer === undefined) queueMicrotask(listener);
    else peer.onDrain(listener);
  }

  #accept(call: ServerDuplexStream<RawFrame, RawFrame>): void {
    let from: NodeId | undefined;
    const refuse = (error: unknown): void => {
      call.emit("error", { code: status.FAILED_PRECONDITION, details: errorMessage(error) });
    };
    const ended = (): void => {
      if (from === undefined || this.#incoming.get(from) !== call) return;
      this.#incoming.delete(from);
      this.#handler?.disconnected(from);
      // The news of an old process's death may come after our stream to the new one is up, and that one will not come up again.
      if (this.#peerOf(from)?.connectedTo === from) this.#handler?.connected(from);
    };
    if (!isFromNode(call)) {
      refuse(new Error("the certificate shown is no node's"));
      return;
    }
    call.on("data", ({ payload }: RawFrame) => {
      try {
        if (from === undefined) {
          from = decodeHello(payload, this.#options.clusterId).nodeId;
          const old = this.#incoming.get(from);
          this.#incoming.set(from, call);
          old?.end();
          const { nodeId, clusterId } = this.#options;
          call.write({ payload: encodeHello({ nodeId, clusterId }) });
          return;
        }
        if (this.#incoming.get(from) !== call) return;
        const wait = this.#handler?.message(from, payload);
        if (wait === undefined) return;
        call.pause();
        wait.then(() => call.resume(), refuse);
      } catch (error) {
        this.#options.logger.warn({ peer: from, error: errorMessage(error) }, "a peer's stream is refused");
        ended();
        refuse(error);
      }
    });
    call.on("error", ended);
    call.on("cancelled", ended);
    call.on("end", () => {
      ended();
      call.end();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const peer of this.#outgoing.values()) peer.close();
    this.#outgoing.clear();
    for (const call of this.#incoming.values()) call.end();
    this.#incoming.clear();
  }
}

function connectOverGrpc(address: string, credentials: ChannelCredentials): PeerStream {
  const client = new Peer(address, credentials, PEER_CLIENT_OPTIONS);
  const call = client.exchange() as unknown as ClientDuplexStream<RawFrame, RawFrame>;
  return {
    on: call.on.bind(call),
    write: (frame, written) => call.write(frame, written),
    cancel: () => {
      call.cancel();
      client.close();
    },
  };
}

/** Keeps a stream to one peer, for as long as it is wanted. */
class OutgoingPeer {
  readonly address: string;
  readonly #nodeId: NodeId;
  readonly #options: GrpcTransportOptions;
  readonly #handler: () => PeerHandler | undefined;
  #call: PeerStream | undefined;
  #connectedTo: NodeId | undefined;
  #isClosed = false;
  #failures = 0;
  #drainListeners: (() => void)[] = [];
  bufferedBytes = 0;

  /** Who is there now. */
  get connectedTo(): NodeId | undefined {
    return this.#connectedTo;
  }

  constructor(nodeId: NodeId, address: string, options: GrpcTransportOptions, handler: () => PeerHandler | undefined) {
    this.#nodeId = nodeId;
    this.address = address;
    this.#options = options;
    this.#handler = handler;
  }

  start(): void {
    const { clock, random, logger } = this.#options;
    retry(() => this.#session(), {
      maxAttempts: 0,
      delay: 0,
      handleError: async (error, context) => {
        if (this.#isClosed) {
          context.abort();
          return;
        }
        if (this.#failures === 3) {
          logger.warn({ peer: this.#nodeId, address: this.address, error: errorMessage(error) }, "peer not reachable");
        }
        const ceilingMs = Math.min(RECONNECT_DELAY_MS_MAX, RECONNECT_DELAY_MS_MIN * 2 ** Math.min(this.#failures, 10));
        await clock.sleep(random.between(RECONNECT_DELAY_MS_MIN, ceilingMs));
        if (this.#isClosed) context.abort();
      },
    }).catch((error: unknown) => {
      if (!this.#isClosed) logger.error({ peer: this.#nodeId, error: errorMessage(error) }, "peer connection gave up");
    });
  }

  /** One connection's life; ends by rejection, always. */
  #session(): Promise<never> {
    const { nodeId, clusterId, clock, connect, hostOf, nodeCredentials = PLAIN_TEXT } = this.#options;
    const call = connect?.(this.address) ?? connectOverGrpc(this.address, nodeCredentials.channel);
    this.#call = call;
    this.#failures++;
    return new Promise<never>((_, reject) => {
      let isOver = false;
      const over = (error: Error): void => {
        if (isOver) return;
        isOver = true;
        helloTimer.cancel();
        const connectedTo = this.#connectedTo;
        this.#connectedTo = undefined;
        this.#call = undefined;
        this.bufferedBytes = 0;
        this.#drained();
        // Cancelling within an event of the same call makes grpc-js throw; a turn later is soon enough.
        queueMicrotask(() => call.cancel());
        if (connectedTo !== undefined) this.#handler()?.disconnected(connectedTo);
        reject(error);
      };
      const helloTimer = clock.setTimer(HELLO_TIMEOUT_MS, () => over(new Error("no hello in time")));
      call.on("data", ({ payload }: RawFrame) => {
        if (this.#connectedTo !== undefined) return;
        let hello: Hello;
        try {
          hello = decodeHello(payload, clusterId);
          const host = hostOf?.(hello.nodeId) ?? hello.nodeId;
          if (host !== this.#nodeId) throw new Error(`${this.address} is ${hello.nodeId}, not ${this.#nodeId}`);
        } catch (error) {
          over(error as Error);
          return;
        }
        helloTimer.cancel();
        this.#connectedTo = hello.nodeId;
        this.#failures = 0;
        this.#handler()?.connected(hello.nodeId);
      });
      call.on("error", over);
      call.on("end", () => over(new Error("the peer ended the stream")));
      call.write({ payload: encodeHello({ nodeId, clusterId }) }, () => undefined);
    });
  }

  send(frame: RawFrame): boolean {
    const call = this.#call;
    if (call === undefined) {
      recycleFrame(frame);
      return false;
    }
    const size = frame.payload.length;
    this.bufferedBytes += size;
    const written = (): void => {
      recycleFrame(frame);
      if (this.#call !== call) return;
      this.bufferedBytes -= size;
      if (this.bufferedBytes < SEND_BUFFER_BYTES_MAX / 2) this.#drained();
    };
    call.write(frame, written);
    return true;
  }

  onDrain(listener: () => void): void {
    if (this.bufferedBytes < SEND_BUFFER_BYTES_MAX / 2) queueMicrotask(listener);
    else this.#drainListeners.push(listener);
  }

  #drained(): void {
    if (this.#drainListeners.length === 0) return;
    const listeners = this.#drainListeners;
    this.#drainListeners = [];
    for (const listener of listeners) listener();
  }

  close(): void {
    this.#isClosed = true;
    const call = this.#call;
    if (call !== undefined) queueMicrotask(() => call.cancel());
  }
}
