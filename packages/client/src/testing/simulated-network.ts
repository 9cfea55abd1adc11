import { decodeItems, encodeItems, type RawFrame } from "@millrace/proto";
import type { Clock } from "@millrace/util";
import {
  type ConnectionListener,
  type FrameListener,
  type FrameSource,
  type FrameStream,
  NotLeading,
  type ShardLogConnection,
} from "../network.ts";
import type { ScriptedReplica, SubscriptionError } from "./scripted-replica.ts";

const LATENCY_MS = 1;

/** Brokers without sockets: every message takes a millisecond of the clock it is given. */
export class SimulatedNetwork {
  readonly #clock: Clock;
  readonly #replicas = new Map<string, ScriptedReplica>();
  readonly #connections = new Map<string, Set<SimulatedConnection>>();
  readonly #down = new Set<string>();
  readonly #frozen = new Set<string>();
  connectionCount = 0;

  constructor(clock: Clock, replicas: readonly ScriptedReplica[]) {
    this.#clock = clock;
    for (const replica of replicas) this.#replicas.set(replica.nodeId, replica);
  }

  /** A node's address is its name. */
  readonly connect = (address: string, listener: ConnectionListener): ShardLogConnection => {
    const replica = this.#replicas.get(address);
    const connection = new SimulatedConnection(this.#clock, replica, {
      isFrozen: () => this.#frozen.has(address),
      cut: () => this.cut(address),
      listener,
    });
    this.connectionCount++;
    this.#clock.setTimer(LATENCY_MS, () => {
      if (this.#frozen.has(address)) return;
      if (replica === undefined || this.#down.has(address)) connection.broken();
      else connection.opened();
    });
    const known = this.#connections.get(address) ?? new Set();
    this.#connections.set(address, known.add(connection));
    return connection;
  };

  kill(nodeId: string): void {
    this.#down.add(nodeId);
    this.cut(nodeId);
  }

  start(nodeId: string): void {
    this.#down.delete(nodeId);
  }

  /** Nothing comes out of it any more, though its connections stand. */
  freeze(nodeId: string): void {
    this.#frozen.add(nodeId);
  }

  cut(nodeId: string): void {
    for (const connection of this.#connections.get(nodeId) ?? []) connection.broken();
    this.#connections.delete(nodeId);
  }
}

interface Wiring {
  readonly listener: ConnectionListener;
  readonly isFrozen: () => boolean;
  readonly cut: () => void;
}

class SimulatedConnection implements ShardLogConnection {
  readonly #clock: Clock;
  readonly #replica: ScriptedReplica | undefined;
  readonly #wiring: Wiring;
  readonly #onBroken = new Set<() => void>();
  isUp = false;
  #isOver = false;

  constructor(clock: Clock, replica: ScriptedReplica | undefined, wiring: Wiring) {
    this.#clock = clock;
    this.#replica = replica;
    this.#wiring = wiring;
  }

  opened(): void {
    if (this.#isOver) return;
    this.isUp = true;
    this.#wiring.listener.up();
  }

  broken(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.isUp = false;
    for (const tell of this.#onBroken) tell();
    this.#wiring.listener.down("cut");
  }

  append(listener: FrameListener): FrameStream {
    return this.#stream(listener);
  }

  read(listener: FrameListener): FrameStream {
    return this.#stream(listener);
  }

  subscribe(groupId: number, fromOffset: number): FrameSource {
    const queue = new FrameQueue();
    let stop: (() => void) | undefined;
    this.#onBroken.add(() => queue.end(new Error("cut")));
    this.#clock.setTimer(LATENCY_MS, () => {
      if (this.#wiring.isFrozen() || this.#isOver || this.#replica === undefined) return;
      stop = this.#replica.subscribe(groupId, fromOffset, {
        page: (payload) => {
          if (!this.#wiring.isFrozen()) queue.push({ payload });
        },
        finished: () => queue.end(undefined),
        failed: (error) => queue.end(errorOf(error)),
      });
    });
    return {
      [Symbol.asyncIterator]: () => queue.frames(),
      cancel: () => {
        stop?.();
        queue.cancel();
      },
    };
  }

  close(): void {
    this.#isOver = true;
    this.isUp = false;
    this.#onBroken.clear();
  }

  #stream(listener: FrameListener): FrameStream {
    let isOver = false;
    const tell = (): void => {
      if (!isOver) listener.ended("cut");
      isOver = true;
    };
    this.#onBroken.add(tell);
    const later = (run: () => void): void => {
      this.#clock.setTimer(LATENCY_MS, () => {
        if (!isOver && !this.#isOver && !this.#wiring.isFrozen()) run();
      });
    };
    return {
      write: (written, taken) => {
        // As a network does: what is written is copied, and its memory used for something else soon.
        const frame = { payload: Buffer.from(written.payload) };
        later(taken);
        later(() => this.#serve(frame, (answer) => later(() => listener.frame(answer))));
      },
      cancel: () => {
        isOver = true;
        this.#onBroken.delete(tell);
      },
    };
  }

  #serve(frame: RawFrame, answer: (frame: RawFrame) => void): void {
    for (const item of decodeItems(frame.payload)) {
      const taken = this.#replica?.take(item);
      if (taken === undefined || taken.verdict === "hang") continue;
      const reply = taken.verdict === "cut" ? undefined : taken.reply();
      if (reply === undefined || taken.verdict === "serve and cut") {
        this.#wiring.cut();
        return;
      }
      const body = reply.body === undefined ? [] : [reply.body];
      answer({ payload: encodeItems([{ requestId: item.requestId, kind: reply.status, body }]) });
    }
  }
}

function errorOf({ leaderId }: SubscriptionError): Error {
  return leaderId === undefined ? new Error("broken") : new NotLeading(leaderId);
}

class FrameQueue {
  readonly #frames: RawFrame[] = [];
  #end: { error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  push(frame: RawFrame): void {
    this.#frames.push(frame);
    this.#wake?.();
  }

  end(error: Error | undefined): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  cancel(): void {
    this.#frames.length = 0;
    this.#end = { error: undefined };
    this.#wake?.();
  }

  async *frames(): AsyncGenerator<RawFrame, void, void> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) yield frame;
      else if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return;
      } else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
