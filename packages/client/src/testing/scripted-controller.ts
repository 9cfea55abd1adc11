import { Metadata, Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import {
  type Command__Output,
  Controller,
  type ControllerHandlers,
  type MetadataUpdate,
  type WatchRequest,
} from "@millrace/proto";
import { LEADER_TRAILER } from "../grpc-controller.ts";
import { LeaseTable } from "./lease-table.ts";

type WatchCall = ServerWritableStream<WatchRequest, MetadataUpdate>;

/** A real gRPC server that speaks Controller as told. */
export class ScriptedController {
  readonly commands: Command__Output[] = [];
  readonly leases = new LeaseTable();
  readonly watches: { request: WatchRequest; call: WatchCall }[] = [];
  /** The leader's address; "" for none; undefined: this one leads. */
  follows: string | undefined;
  /** Leads, but does not answer. */
  hangs = false;
  /** Fails the next calls with this gRPC status. */
  failures: number[] = [];
  version = 1;
  #server: Server | undefined;
  #port = 0;

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const server = new Server();
    const handlers: ControllerHandlers = {
      Execute: (call, callback) => {
        this.commands.push(call.request);
        const error = this.#refusal();
        if (error !== undefined) callback(error);
        else if (!this.hangs) callback(null, this.leases.execute(call.request, this.version));
      },
      Heartbeat: (_call, callback) => callback(this.#refusal() ?? null, { registered: true, version: this.version }),
      Leases: (call, callback) => callback(this.#refusal() ?? null, this.leases.read(call.request)),
      Backup: (_call, callback) => callback(this.#refusal() ?? null, {}),
      Status: (_call, callback) => callback(this.#refusal() ?? null, { version: this.version }),
      Watch: (call) => {
        call.on("error", () => undefined);
        this.watches.push({ request: call.request, call: call as unknown as WatchCall });
      },
    };
    server.addService(Controller.service, handlers);
    this.#port = await new Promise((resolve, reject) => {
      server.bindAsync(this.address, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    this.#server = server;
  }

  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  push(update: MetadataUpdate): void {
    for (const { call } of this.watches) if (!call.destroyed) call.write(update);
  }

  #refusal(): { code: number; details: string; metadata: Metadata } | undefined {
    const metadata = new Metadata();
    const failure = this.failures.shift();
    if (failure !== undefined) return { code: failure, details: "as told", metadata };
    if (this.follows === undefined) return undefined;
    if (this.follows !== "") metadata.set(LEADER_TRAILER, this.follows);
    return { code: status.FAILED_PRECONDITION, details: "not the leader", metadata };
  }
}
