import { getDefaultHighWaterMark, setDefaultHighWaterMark } from "node:stream";
import {
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  connectivityState,
  status,
} from "@grpc/grpc-js";
import { type NodeCredentials, PLAIN_TEXT, type RawFrame, ShardLog, type ShardLogClient } from "@millrace/proto";
import { errorMessage } from "@millrace/util";
import { cancelSoon } from "./cancel-soon.ts";
import { BROKER_CHANNEL_OPTIONS, SUBSCRIPTION_CHANNEL_OPTIONS } from "./channel-options.ts";
import {
  type ConnectionListener,
  type ConnectShardLog,
  type FrameListener,
  type FrameSource,
  type FrameStream,
  NotLeading,
  type ShardLogConnection,
} from "./network.ts";

/** A broker over gRPC: channels of its own, so that its connections are this object's and nobody else's. */
export function connectShardLogOverGrpc({ channel }: NodeCredentials = PLAIN_TEXT): ConnectShardLog {
  return (address, listener) => new GrpcShardLogConnection(address, channel, listener);
}

interface Cancellable {
  cancel(): void;
}

class GrpcShardLogConnection implements ShardLogConnection {
  readonly #client: ShardLogClient;
  readonly #connectSubscriptions: () => ShardLogClient;
  /** Once there is one. It comes and goes with the other: whether the broker is there is seen by that one. */
  #subscriptions: ShardLogClient | undefined;
  readonly #listener: ConnectionListener;
  readonly #calls = new Set<Cancellable>();
  #wasUp = false;
  #closed = false;

  constructor(address: string, credentials: ChannelCredentials, listener: ConnectionListener) {
    this.#client = new ShardLog(address, credentials, BROKER_CHANNEL_OPTIONS);
    this.#connectSubscriptions = () => new ShardLog(address, credentials, SUBSCRIPTION_CHANNEL_OPTIONS);
    this.#listener = listener;
    // The channel starts to connect, and tells of it in a later turn.
    setImmediate(() => this.#follow());
  }

  get isUp(): boolean {
    if (this.#closed || !this.#wasUp) return false;
    return this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  append(listener: FrameListener): FrameStream {
    return this.#open(this.#client.append() as FrameCall, listener);
  }

  read(listener: FrameListener): FrameStream {
    return this.#open(this.#client.read() as FrameCall, listener);
  }

  subscribe(groupId: number, fromOffset: number): FrameSource {
    const client = (this.#subscriptions ??= this.#connectSubscriptions());
    const call = buffering(1, () => client.subscribe({ groupId, fromOffset })) as ClientReadableStream<RawFrame>;
    this.#calls.add(call);
    // The iterator throws it; without a listener, one that comes before or after the iteration would end the process.
    call.on("error", () => undefined);
    let isCancelled = false;
    return {
      [Symbol.asyncIterator]: () =>
        frames(
          call,
          () => isCancelled,
          () => this.#calls.delete(call),
        ),
      cancel: () => {
        isCancelled = true;
        this.#calls.delete(call);
        cancelSoon(call);
      },
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const call of this.#calls) cancelSoon(call);
    this.#calls.clear();
    this.#client.close();
    this.#subscriptions?.close();
  }

  /** Until it is up, and from there until it is not: gRPC would reconnect, we do not let it. */
  #follow(): void {
    if (this.#closed) return;
    const channel = this.#client.getChannel();
    const state = channel.getConnectivityState(!this.#wasUp);
    const isReady = state === connectivityState.READY;
    const isBroken = state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN;
    if (isBroken || (this.#wasUp && !isReady)) {
      this.#listener.down(this.#wasUp ? "the connection is lost" : "no connection");
      return;
    }
    if (isReady && !this.#wasUp) {
      this.#wasUp = true;
      this.#listener.up();
      if (this.#closed) return;
    }
    channel.watchConnectivityState(state, Infinity, () => this.#follow());
  }

  #open(call: FrameCall, listener: FrameListener): FrameStream {
    this.#calls.add(call);
    let isOver = false;
    const ended = (why: string): void => {
      this.#calls.delete(call);
      if (isOver || this.#closed) return;
      isOver = true;
      listener.ended(why);
    };
    call.on("data", (frame: RawFrame) => {
      if (!isOver && !this.#closed) listener.frame(frame);
    });
    call.on("error", (error: Error) => ended(errorMessage(error)));
    call.on("end", () => ended("ended by the broker"));
    return {
      write: (frame, taken) => {
        call.write(frame, () => {
          if (!isOver && !this.#closed) taken();
        });
      },
      cancel: () => {
        isOver = true;
        this.#calls.delete(call);
        cancelSoon(call);
      },
    };
  }
}

/**
 * Makes a stream that holds so many objects before it stops to read: sixteen frames, the default, are many megabytes for a subscriber that
 * takes none, and gRPC has no option for it.
 */
function buffering<T>(objects: number, make: () => T): T {
  const usual = getDefaultHighWaterMark(true);
  setDefaultHighWaterMark(true, objects);
  try {
    return make();
  } finally {
    setDefaultHighWaterMark(true, usual);
  }
}

type FrameCall = ClientDuplexStream<RawFrame, RawFrame>;

async function* frames(
  call: ClientReadableStream<RawFrame>,
  isCancelled: () => boolean,
  onEnd: () => void,
): AsyncGenerator<RawFrame, void, void> {
  try {
    yield* call as AsyncIterable<RawFrame>;
  } catch (error) {
    if (isCancelled()) return;
    const { code, details } = error as { code?: number; details?: string };
    if (code === status.FAILED_PRECONDITION) throw new NotLeading(details ?? "", { cause: error });
    throw error;
  } finally {
    onEnd();
    cancelSoon(call);
  }
}
