import { connect, createServer, type Socket, type Server as TcpServer } from "node:net";
import { Server, ServerCredentials, type ServerDuplexStream, type ServerWritableStream, status } from "@grpc/grpc-js";
import {
  decodeItems,
  encodeItems,
  type FrameItem,
  type RawFrame,
  ShardLog,
  type SubscribeRequest,
} from "@millrace/proto";
import { ScriptedReplica } from "./scripted-replica.ts";

/** A real gRPC server that speaks ShardLog over shared logs, and misbehaves as told. */
export class ScriptedBroker extends ScriptedReplica {
  #server: Server | undefined;
  #front: TcpServer | undefined;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Keeps its port over restarts. */
  async start(): Promise<void> {
    const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
    const handle = (call: unknown): void => this.#serve(call as ServerDuplexStream<RawFrame, RawFrame>);
    server.addService(ShardLog.service, {
      append: handle,
      read: handle,
      subscribe: (call: unknown) => this.#push(call as SubscribeCall),
    });
    const innerPort = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    this.#server = server;
    const front = createServer((socket) => this.#relay(socket, innerPort));
    await new Promise<void>((resolve) => front.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (front.address() as { port: number }).port;
    this.#front = front;
  }

  /** As a killed process: its calls end, then its connections. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.#front?.close();
    this.#front = undefined;
    setImmediate(() => this.cut());
  }

  /** Ends all connections; new ones are served. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** Like SIGSTOP: the kernel goes on accepting, and nothing more comes out. */
  freeze(): void {
    for (const socket of this.#sockets) socket.pause().unpipe();
    this.#isFrozen = true;
  }

  #isFrozen = false;

  #relay(outer: Socket, innerPort: number): void {
    this.#sockets.add(outer);
    outer.on("error", () => undefined);
    if (this.#isFrozen) return;
    const inner = connect(innerPort, "127.0.0.1");
    this.#sockets.add(inner);
    inner.on("error", () => undefined);
    inner.on("close", () => outer.destroy());
    outer.on("close", () => inner.destroy());
    outer.pipe(inner);
    inner.pipe(outer);
  }

  #serve(call: ServerDuplexStream<RawFrame, RawFrame>): void {
    call.on("data", (frame: RawFrame) => {
      for (const item of decodeItems(frame.payload)) this.#one(call, item);
    });
    call.on("end", () => call.end());
    call.on("error", () => undefined);
  }

  #one(call: ServerDuplexStream<RawFrame, RawFrame>, item: FrameItem): void {
    const { verdict, reply } = this.take(item);
    if (verdict === "hang") return;
    if (verdict === "cut") {
      this.cut();
      return;
    }
    const { status: kind, body } = reply();
    if (verdict === "serve and cut") {
      this.cut();
      return;
    }
    const answer = { requestId: item.requestId, kind, body: body === undefined ? [] : [body] };
    call.write({ payload: encodeItems([answer]) });
  }

  #push(call: SubscribeCall): void {
    const { groupId, fromOffset } = call.request as { groupId: number; fromOffset: number };
    const stop = this.subscribe(groupId, fromOffset, {
      page: (body) => call.write({ payload: body }),
      finished: () => call.end(),
      failed: ({ leaderId }) =>
        call.emit("error", {
          code: leaderId === undefined ? status.UNAVAILABLE : status.FAILED_PRECONDITION,
          details: leaderId ?? "",
        }),
    });
    for (const event of ["cancelled", "close", "error"]) call.on(event, stop);
  }
}

type SubscribeCall = ServerWritableStream<SubscribeRequest, RawFrame>;
