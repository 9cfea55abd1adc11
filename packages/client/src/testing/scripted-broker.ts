import { createServer, connect, type Server as TcpServer, type Socket } from "node:net";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import {
  decodeAppendRequest,
  decodeItems,
  decodeLocateRequest,
  decodeReadRequest,
  encodeAppendResult,
  encodeItems,
  encodeLocateResult,
  encodeReadResultPrefix,
  readBatchHeader,
  readBatchId,
  RequestKind,
  ShardLog,
  ShardLogStatus,
  stampBatch,
  type FrameItem,
  type RawFrame,
} from "@millrace/proto";

/** What a scripted broker does with a request. `cut`: the connection ends without an answer. */
export type Script = (request: ScriptedRequest) => "serve" | "serve and cut" | "hang" | "cut" | Refusal;

export interface Refusal {
  readonly status: number;
  readonly body?: Buffer;
}

export interface ScriptedRequest {
  readonly kind: number;
  readonly groupId: number;
  readonly batchId: string | undefined;
  readonly anyReplica: boolean;
}

/** The log that all replicas of a group share here: replication is not what these tests are about. */
export class SharedLog {
  readonly batches: Buffer[] = [];
  readonly #results = new Map<string, { baseOffset: number; arrivalTimeMs: number; recordCount: number }>();
  endOffset = 1;
  closed = false;

  append(batch: Buffer): Buffer {
    const id = readBatchId(batch);
    let result = this.#results.get(id);
    if (result === undefined) {
      const { recordCount } = readBatchHeader(batch);
      const stored = Buffer.from(batch);
      result = { baseOffset: this.endOffset, arrivalTimeMs: Date.now(), recordCount };
      stampBatch(stored, 0, result.baseOffset, result.arrivalTimeMs, 1);
      this.batches.push(stored);
      this.endOffset += recordCount;
      this.#results.set(id, result);
    }
    return encodeAppendResult(result);
  }

  position() {
    const last = this.batches.at(-1);
    const lastArrivalTimeMs = last === undefined ? 0 : readBatchHeader(last).arrivalTimeMs;
    return { startOffset: 1, endOffset: this.endOffset, lastArrivalTimeMs, closed: this.closed };
  }

  read(fromOffset: number, bytesMax: number): Buffer {
    const pieces: Buffer[] = [encodeReadResultPrefix(this.position())];
    let sizeBytes = 0;
    for (const batch of this.batches) {
      const { baseOffset, recordCount } = readBatchHeader(batch);
      if (baseOffset + recordCount <= fromOffset) continue;
      if (sizeBytes > 0 && sizeBytes + batch.length > bytesMax) break;
      pieces.push(batch);
      sizeBytes += batch.length;
    }
    return Buffer.concat(pieces);
  }
}

/** A real gRPC server that speaks ShardLog over shared logs, and misbehaves as told. */
export class ScriptedBroker {
  readonly nodeId: string;
  readonly requests: ScriptedRequest[] = [];
  script: Script = () => "serve";
  readonly #logs: Map<number, SharedLog>;
  #server: Server | undefined;
  #front: TcpServer | undefined;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  constructor(nodeId: string, logs: Map<number, SharedLog>) {
    this.nodeId = nodeId;
    this.#logs = logs;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Keeps its port over restarts. */
  async start(): Promise<void> {
    const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
    const handle = (call: unknown): void => this.#serve(call as ServerDuplexStream<RawFrame, RawFrame>);
    server.addService(ShardLog.service, { append: handle, read: handle, subscribe: () => undefined });
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
    const request = describe(item);
    this.requests.push(request);
    const verdict = this.script(request);
    if (verdict === "hang") return;
    if (verdict === "cut") {
      this.cut();
      return;
    }
    const reply = typeof verdict === "string" ? this.#execute(item, request.groupId) : verdict;
    if (verdict === "serve and cut") {
      this.cut();
      return;
    }
    call.write({
      payload: encodeItems([
        { requestId: item.requestId, kind: reply.status, body: reply.body === undefined ? [] : [reply.body] },
      ]),
    });
  }

  #execute(item: FrameItem, groupId: number): Refusal {
    const log = this.#logs.get(groupId);
    if (log === undefined) return { status: ShardLogStatus.unknownGroup };
    switch (item.kind) {
      case RequestKind.append:
        if (log.closed) return { status: ShardLogStatus.closed };
        return { status: ShardLogStatus.ok, body: log.append(decodeAppendRequest(item.body).batch) };
      case RequestKind.read: {
        const { fromOffset, bytesMax } = decodeReadRequest(item.body);
        return { status: ShardLogStatus.ok, body: log.read(fromOffset, bytesMax) };
      }
      default: {
        const { target, timeMs } = decodeLocateRequest(item.body);
        const found = log.batches.find((batch) => readBatchHeader(batch).arrivalTimeMs >= timeMs);
        const offset = target === "tail" || found === undefined ? log.endOffset : readBatchHeader(found).baseOffset;
        return { status: ShardLogStatus.ok, body: encodeLocateResult({ ...log.position(), offset }) };
      }
    }
  }
}

function describe(item: FrameItem): ScriptedRequest {
  if (item.kind === RequestKind.append) {
    const { groupId, batch } = decodeAppendRequest(item.body);
    return { kind: item.kind, groupId, batchId: readBatchId(batch), anyReplica: false };
  }
  if (item.kind === RequestKind.read) {
    const { groupId, anyReplica } = decodeReadRequest(item.body);
    return { kind: item.kind, groupId, batchId: undefined, anyReplica };
  }
  return { kind: item.kind, groupId: decodeLocateRequest(item.body).groupId, batchId: undefined, anyReplica: false };
}

/** Makes every append of a replica that does not lead a redirect to `leaderId` (or to nobody). */
export function follows(leaderId: string | undefined): Script {
  return () => ({ status: ShardLogStatus.notLeader, body: Buffer.from(leaderId ?? "") });
}
