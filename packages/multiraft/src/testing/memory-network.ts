import type { RawFrame } from "@millrace/proto";
import type { NodeId } from "@millrace/raft";
import type { PeerHandler, PeerTransport } from "../types.ts";

/** Connections between hosts of one process: ordered, and gone when one end is. Delivery takes a turn of the event loop. */
export class MemoryNetwork {
  readonly #transports = new Map<NodeId, MemoryTransport>();
  readonly #cut = new Set<string>();
  /** Frames with messages in them, node heartbeats aside. */
  framesSent = 0;

  transport(nodeId: NodeId): PeerTransport {
    const transport = new MemoryTransport(nodeId, this);
    this.#transports.set(nodeId, transport);
    return transport;
  }

  /** The process behind it is gone: both ends of every connection see it. */
  kill(nodeId: NodeId): void {
    this.#transports.delete(nodeId);
    for (const other of this.#transports.values()) other.lost(nodeId);
  }

  /** Silence, without news. */
  cut(a: NodeId, b: NodeId): void {
    this.#cut.add(`${a}>${b}`);
    this.#cut.add(`${b}>${a}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  connectAll(): void {
    for (const transport of this.#transports.values()) {
      for (const peer of this.#transports.keys()) if (peer !== transport.nodeId) transport.connect(peer);
    }
  }

  deliver(from: NodeId, to: NodeId, payload: Buffer): boolean {
    if (payload.length > 1) this.framesSent++;
    setImmediate(() => {
      if (!this.#cut.has(`${from}>${to}`)) void this.#transports.get(to)?.handler?.message(from, Buffer.from(payload));
    });
    return this.#transports.has(to);
  }
}

class MemoryTransport implements PeerTransport {
  readonly nodeId: NodeId;
  readonly #network: MemoryNetwork;
  readonly #connected = new Set<NodeId>();
  handler: PeerHandler | undefined;

  constructor(nodeId: NodeId, network: MemoryNetwork) {
    this.nodeId = nodeId;
    this.#network = network;
  }

  start(handler: PeerHandler): void {
    this.handler = handler;
  }

  connect(peer: NodeId): void {
    if (this.#connected.has(peer)) return;
    this.#connected.add(peer);
    this.handler?.connected(peer);
  }

  lost(peer: NodeId): void {
    if (this.#connected.delete(peer)) this.handler?.disconnected(peer);
  }

  setPeers(): void {
    this.#network.connectAll();
  }

  send(to: NodeId, { payload }: RawFrame): boolean {
    return this.#connected.has(to) && this.#network.deliver(this.nodeId, to, payload);
  }

  bufferedBytes(): number {
    return 0;
  }

  onDrain(_to: NodeId, listener: () => void): void {
    queueMicrotask(listener);
  }

  async close(): Promise<void> {
    this.#connected.clear();
  }
}
