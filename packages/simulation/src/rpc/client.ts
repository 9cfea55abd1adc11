import { EventEmitter } from "node:events";
import type { ConnectionEnd } from "../world/connection.ts";
import type { Process } from "../world/machine.ts";
import type { Network } from "../world/network.ts";
import { EventKind } from "../world/scheduler.ts";
import { CallStream } from "./call-stream.ts";
import { type CallStatus, decodeFrame, decodeStatus, encodeFrame, FrameType } from "./frames.ts";
import type { RpcMethod } from "./server.ts";

export const UNAVAILABLE = 14;

export interface RpcConnectionOptions {
  readonly network: Network;
  readonly process: Process;
  readonly address: string;
  readonly windowBytes: number;
  /** After so long without any answer to a ping the connection is given up; none: never. */
  readonly keepaliveMs?: number;
  readonly onUp: () => void;
  readonly onDown: (why: string) => void;
}

/** One connection to a server with the calls on it. */
export class RpcConnection {
  readonly #options: RpcConnectionOptions;
  readonly #end: ConnectionEnd;
  readonly #calls = new Map<number, ClientCall>();
  #nextCallId = 1;
  #unansweredMs = 0;
  isUp = false;
  #isOver = false;

  constructor(options: RpcConnectionOptions) {
    this.#options = options;
    const { network, process, address, keepaliveMs } = options;
    this.#end = network.connect(process, address, {
      up: () => {
        if (this.#isOver) return;
        this.isUp = true;
        if (keepaliveMs !== undefined) this.#keepAlive(keepaliveMs);
        options.onUp();
      },
      message: (bytes) => this.#take(bytes),
      down: (why) => this.#down(why),
    });
  }

  /** Only while it is up. */
  open(method: RpcMethod, request?: unknown): ClientCall {
    const callId = this.#nextCallId++;
    const call = new ClientCall(callId, this.#end, this.#options.windowBytes, method, () => this.#calls.delete(callId));
    this.#calls.set(callId, call);
    const path = Buffer.from(method.path, "latin1");
    const body = request === undefined ? Buffer.alloc(0) : method.requestSerialize(request as never);
    this.#end.send(encodeFrame(FrameType.open, callId, Buffer.from([path.length]), path, body));
    return call;
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.isUp = false;
    this.#calls.clear();
    this.#end.close();
  }

  #down(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.isUp = false;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.ended({ code: UNAVAILABLE, details: why });
    this.#options.onDown(why);
  }

  #keepAlive(keepaliveMs: number): void {
    const everyMs = keepaliveMs / 4;
    const { network, process } = this.#options;
    network.scheduler.schedule(everyMs * 1_000, process, EventKind.connection, () => {
      if (this.#isOver) return;
      this.#unansweredMs = this.#end.isResponsive ? 0 : this.#unansweredMs + everyMs;
      if (this.#unansweredMs >= keepaliveMs) this.#end.reset("no answer to a ping");
      else this.#keepAlive(keepaliveMs);
    });
  }

  #take(bytes: Buffer): void {
    const { type, callId, body } = decodeFrame(bytes);
    const call = this.#calls.get(callId);
    if (call === undefined) return;
    if (type === FrameType.data) call.stream.receive(body);
    else if (type === FrameType.window) call.stream.windowOpened(body.readUInt32LE());
    else if (type === FrameType.status) {
      const status = decodeStatus(body);
      call.stream.afterMessages(() => {
        this.#calls.delete(callId);
        call.ended(status);
      });
    }
  }
}

/** A call as gRPC's clients have it: `data`, then `error` or `end`, once. */
export class ClientCall extends EventEmitter {
  readonly stream: CallStream;
  readonly #end: ConnectionEnd;
  readonly #method: RpcMethod;
  readonly #onOver: () => void;
  #isOver = false;

  constructor(callId: number, end: ConnectionEnd, windowBytes: number, method: RpcMethod, onOver: () => void) {
    super();
    this.#end = end;
    this.#method = method;
    this.#onOver = onOver;
    this.stream = new CallStream(callId, end, windowBytes, (bytes) => {
      if (!this.#isOver) this.emit("data", method.responseDeserialize(bytes));
    });
    this.stream.onDrain = () => this.emit("drain");
  }

  write(value: unknown, written?: () => void): boolean {
    if (this.#isOver) return false;
    return this.stream.write(Buffer.from(this.#method.requestSerialize(value as never)), written);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end.send(encodeFrame(FrameType.cancel, this.stream.callId));
    this.#onOver();
  }

  ended(status: CallStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
    if (status.code === 0) this.emit("end");
    else if (this.listenerCount("error") > 0) this.emit("error", new CallFailed(status));
  }
}

/** A call's bad end, as gRPC's ServiceError. */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  readonly code: number;
  readonly details: string;
  readonly trailers: Readonly<Record<string, string>>;

  constructor({ code, details, metadata = {} }: CallStatus) {
    super(`${code}: ${details}`);
    this.code = code;
    this.details = details;
    this.trailers = metadata;
  }
}
