import { EventEmitter } from "node:events";
import type { ConnectionEnd } from "../world/connection.ts";
import type { Process } from "../world/machine.ts";
import type { Network } from "../world/network.ts";
import { CallStream } from "./call-stream.ts";
import { type CallStatus, decodeFrame, encodeStatus, FrameType } from "./frames.ts";

/** Of a gRPC service definition, what is needed to carry its calls. */
export interface RpcMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: never) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (value: never) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

export interface RpcService {
  readonly definition: Readonly<Record<string, unknown>>;
  readonly handlers: Readonly<Record<string, unknown>>;
}

type UnaryCallback = (error: HandlerError | null, value?: unknown) => void;
type Handler = (call: ServerCall, callback?: UnaryCallback) => void;

interface HandlerError {
  readonly code?: number;
  readonly details?: string;
  readonly metadata?: { getMap(): Record<string, unknown> };
}

const INTERNAL = 13;
const UNIMPLEMENTED = 12;

interface Route {
  readonly method: RpcMethod;
  readonly handler: Handler;
}

/** Serves a process's gRPC handlers, the real ones, over simulated connections. */
export class RpcServer {
  readonly #routes = new Map<string, Route>();
  readonly #windowBytes: number;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  add({ definition, handlers }: RpcService): void {
    for (const [name, method] of Object.entries(definition) as [string, RpcMethod][]) {
      const handler = handlers[name] ?? handlers[name[0]?.toLowerCase() + name.slice(1)];
      if (handler !== undefined) this.#routes.set(method.path, { method, handler: handler as Handler });
    }
  }

  listen(network: Network, process: Process): void {
    network.listen(process, (end) => {
      const calls = new Map<number, ServerCall>();
      return {
        message: (bytes) => this.#take(end, calls, bytes),
        down: () => {
          for (const call of calls.values()) call.cancelled();
          calls.clear();
        },
      };
    });
  }

  #take(end: ConnectionEnd, calls: Map<number, ServerCall>, bytes: Buffer): void {
    const { type, callId, body } = decodeFrame(bytes);
    if (type === FrameType.open) {
      this.#open(end, calls, callId, body);
      return;
    }
    const call = calls.get(callId);
    if (call === undefined) return;
    if (type === FrameType.data) call.stream.receive(body);
    else if (type === FrameType.window) call.stream.windowOpened(body.readUInt32LE());
    else if (type === FrameType.halfClose) call.stream.afterMessages(() => call.emit("end"));
    else if (type === FrameType.cancel) {
      calls.delete(callId);
      call.cancelled();
    }
  }

  /** Body: u8 length of the path · path · the request, if that is no stream. */
  #open(end: ConnectionEnd, calls: Map<number, ServerCall>, callId: number, body: Buffer): void {
    const pathEnd = 1 + (body[0] as number);
    const route = this.#routes.get(body.toString("latin1", 1, pathEnd));
    const call = new ServerCall(callId, end, this.#windowBytes, route?.method, () => calls.delete(callId));
    calls.set(callId, call);
    if (route === undefined) {
      call.finish({ code: UNIMPLEMENTED, details: "no such method" });
      return;
    }
    const { method, handler } = route;
    if (!method.requestStream) call.request = method.requestDeserialize(body.subarray(pathEnd));
    if (method.responseStream) handler(call);
    else handler(call, (error, value) => call.answer(error, value));
  }
}

/** What gRPC hands to a handler, as far as ours use it. */
export class ServerCall extends EventEmitter {
  request: unknown;
  readonly stream: CallStream;
  readonly #method: RpcMethod | undefined;
  readonly #onOver: () => void;
  #isOver = false;

  constructor(
    callId: number,
    end: ConnectionEnd,
    windowBytes: number,
    method: RpcMethod | undefined,
    onOver: () => void,
  ) {
    super();
    this.#method = method;
    this.#onOver = onOver;
    this.stream = new CallStream(callId, end, windowBytes, (bytes) => {
      if (!this.#isOver) this.emit("data", method?.requestDeserialize(bytes));
    });
    this.stream.onDrain = () => this.emit("drain");
  }

  write(value: unknown, written?: () => void): boolean {
    if (this.#isOver || this.#method === undefined) return false;
    return this.stream.write(Buffer.from(this.#method.responseSerialize(value as never)), written);
  }

  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  end(): void {
    this.finish({ code: 0, details: "" });
  }

  answer(error: HandlerError | null, value: unknown): void {
    if (error !== null) this.finish(statusOf(error));
    else {
      this.write(value);
      this.end();
    }
  }

  /** A handler fails its call by emitting an error: whoever else listens hears it first. */
  override emit(event: string, ...values: unknown[]): boolean {
    if (event !== "error") return super.emit(event, ...values);
    if (this.listenerCount("error") > 0) super.emit(event, ...values);
    this.finish(statusOf(values[0] as HandlerError));
    return true;
  }

  finish(status: CallStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.stream.finish(FrameType.status, encodeStatus(status));
    this.#onOver();
    this.emit("close");
  }

  cancelled(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.emit("cancelled");
    this.emit("close");
  }
}

function statusOf({ code = INTERNAL, details = "", metadata }: HandlerError): CallStatus {
  const trailers = Object.entries(metadata?.getMap() ?? {}).map(([key, value]) => [key, String(value)]);
  return { code, details, metadata: Object.fromEntries(trailers) as Record<string, string> };
}
