import {
  type ConnectionListener,
  type FrameListener,
  type FrameSource,
  type FrameStream,
  NotLeading,
  type ShardLogConnection,
} from "@millrace/client";
import { type RawFrame, ShardLog } from "@millrace/proto";
import type { Process } from "../world/machine.ts";
import type { Network } from "../world/network.ts";
import { type CallFailed, type ClientCall, RpcConnection } from "./client.ts";
import type { RpcMethod } from "./server.ts";

const METHODS = ShardLog.service as unknown as Record<string, RpcMethod>;
const FAILED_PRECONDITION = 9;
const KEEPALIVE_MS = 8_000;
/** Frames that wait for a reader before the call is paused. */
const READ_AHEAD_FRAMES = 2;

/** The data path to one broker over the simulated network: the twin of the client's connection over gRPC. */
export function connectShardLog(
  network: Network,
  process: Process,
  windowBytes: number,
  address: string,
  listener: ConnectionListener,
): ShardLogConnection {
  const connection = new RpcConnection({
    network,
    process,
    address,
    windowBytes,
    keepaliveMs: KEEPALIVE_MS,
    onUp: () => listener.up(),
    onDown: (why) => listener.down(why),
  });
  return {
    get isUp() {
      return connection.isUp;
    },
    append: (frames) => frameStream(connection.open(METHODS.Append as RpcMethod), frames),
    read: (frames) => frameStream(connection.open(METHODS.Read as RpcMethod), frames),
    subscribe: (groupId, fromOffset) =>
      new CallSource(connection.open(METHODS.Subscribe as RpcMethod, { groupId, fromOffset })),
    close: () => connection.close(),
  };
}

function frameStream(call: ClientCall, listener: FrameListener): FrameStream {
  let isOver = false;
  const ended = (why: string): void => {
    if (isOver) return;
    isOver = true;
    listener.ended(why);
  };
  call.on("data", (frame: RawFrame) => {
    if (!isOver) listener.frame(frame);
  });
  call.on("error", (error: Error) => ended(error.message));
  call.on("end", () => ended("ended by the broker"));
  return {
    write: (frame, taken) => {
      call.write(frame, () => {
        if (!isOver) taken();
      });
    },
    cancel: () => {
      isOver = true;
      call.cancel();
    },
  };
}

/** Frames at the reader's pace. */
class CallSource implements FrameSource {
  readonly #call: ClientCall;
  readonly #frames: RawFrame[] = [];
  #end: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(call: ClientCall) {
    this.#call = call;
    call.on("data", (frame: RawFrame) => {
      this.#frames.push(frame);
      if (this.#frames.length >= READ_AHEAD_FRAMES) call.stream.pause();
      this.#wake?.();
    });
    call.on("error", (error: CallFailed) => {
      const isNotLeading = error.code === FAILED_PRECONDITION;
      this.#finish(isNotLeading ? new NotLeading(error.details, { cause: error }) : error);
    });
    call.on("end", () => this.#finish(undefined));
  }

  cancel(): void {
    this.#call.cancel();
    this.#frames.length = 0;
    this.#finish(undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RawFrame, void, void> {
    try {
      for (;;) {
        const frame = this.#frames.shift();
        if (frame !== undefined) {
          this.#call.stream.resume();
          yield frame;
        } else if (this.#end !== undefined) {
          if (this.#end.error !== undefined) throw this.#end.error;
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      this.#call.cancel();
    }
  }

  #finish(error: Error | undefined): void {
    this.#end ??= { error };
    this.#wake?.();
  }
}
