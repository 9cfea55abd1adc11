import {
  ControllerCallFailed,
  type ControllerCallOptions,
  type ControllerChannel,
  LEADER_TRAILER,
  type WatchListener,
} from "@millrace/client";
import {
  type BackupResult,
  type ClusterStatus,
  type CommandResult__Output,
  Controller,
  type HeartbeatResult,
  type LeasesRequest,
  type LeasesResult,
  type MetadataUpdate__Output,
} from "@millrace/proto";
import type { Process } from "../world/machine.ts";
import type { Network } from "../world/network.ts";
import { CallFailed, type ClientCall, RpcConnection, UNAVAILABLE } from "./client.ts";
import type { RpcMethod } from "./server.ts";

const METHODS = Controller.service as unknown as Record<string, RpcMethod>;
const DEADLINE_EXCEEDED = 4;
const FAILED_PRECONDITION = 9;
/** INVALID_ARGUMENT, PERMISSION_DENIED, OUT_OF_RANGE, UNIMPLEMENTED, UNAUTHENTICATED. */
const REFUSALS: readonly number[] = [3, 7, 11, 12, 16];
const KEEPALIVE_MS = 8_000;

interface Attempt {
  begin(connection: RpcConnection): void;
  failed(why: string): void;
}

/** Calls to one controller over a connection that is made again when it is needed, as a gRPC channel does. */
export class SimulatedControllerChannel implements ControllerChannel {
  readonly #network: Network;
  readonly #process: Process;
  readonly #windowBytes: number;
  readonly #address: string;
  #connection: RpcConnection | undefined;
  readonly #waiting = new Set<Attempt>();
  readonly #calls = new Set<ClientCall>();
  #isClosed = false;

  constructor(network: Network, process: Process, windowBytes: number, address: string) {
    this.#network = network;
    this.#process = process;
    this.#windowBytes = windowBytes;
    this.#address = address;
  }

  execute(command: unknown, options: ControllerCallOptions): Promise<CommandResult__Output> {
    return this.#unary("Execute", command, options);
  }
  heartbeat(heartbeat: unknown, options: ControllerCallOptions): Promise<HeartbeatResult> {
    return this.#unary("Heartbeat", heartbeat, options);
  }
  status(options: ControllerCallOptions): Promise<ClusterStatus> {
    return this.#unary("Status", {}, options);
  }
  backup(options: ControllerCallOptions): Promise<BackupResult> {
    return this.#unary("Backup", {}, options);
  }
  leases(request: LeasesRequest, options: ControllerCallOptions): Promise<LeasesResult> {
    return this.#unary("Leases", request, options);
  }

  watch(request: { knownVersion: number; clusterId: string }, listener: WatchListener): { cancel(): void } {
    let call: ClientCall | undefined;
    let isOver = false;
    const ended = (why: string): void => {
      if (isOver) return;
      isOver = true;
      listener.ended(why);
    };
    const attempt: Attempt = {
      begin: (connection) => {
        const made = connection.open(METHODS.Watch as RpcMethod, request);
        call = made;
        this.#calls.add(made);
        made.on("data", (update: MetadataUpdate__Output) => {
          if (!isOver) listener.update(update);
        });
        made.on("error", (error: Error) => ended(error.message));
        made.on("end", () => ended("ended by the controller"));
      },
      failed: ended,
    };
    this.#start(attempt);
    return {
      cancel: () => {
        isOver = true;
        this.#waiting.delete(attempt);
        call?.cancel();
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    for (const call of this.#calls) call.cancel();
    this.#calls.clear();
    this.#connection?.close();
    this.#connection = undefined;
  }

  #unary<T>(name: string, request: unknown, { timeoutMs, signal }: ControllerCallOptions): Promise<T> {
    const { clock } = this.#process.world;
    return new Promise((resolve, reject) => {
      let call: ClientCall | undefined;
      const settle = (run: () => void): void => {
        timer.cancel();
        signal?.removeEventListener("abort", onAbort);
        this.#waiting.delete(attempt);
        if (call !== undefined) this.#calls.delete(call);
        call?.cancel();
        run();
      };
      const fail = (error: CallFailed): void => settle(() => reject(failureOf(error)));
      const timer = clock.setTimer(timeoutMs, () => fail(new CallFailed({ code: DEADLINE_EXCEEDED, details: "" })));
      const onAbort = (): void => fail(new CallFailed({ code: 1, details: "aborted" }));
      signal?.addEventListener("abort", onAbort, { once: true });
      const attempt: Attempt = {
        begin: (connection) => {
          call = connection.open(METHODS[name] as RpcMethod, request);
          this.#calls.add(call);
          let value: T | undefined;
          call.on("data", (answer: T) => (value = answer));
          call.on("error", fail);
          call.on("end", () => settle(() => resolve(value as T)));
        },
        failed: (why) => fail(new CallFailed({ code: UNAVAILABLE, details: why })),
      };
      this.#start(attempt);
    });
  }

  #start(attempt: Attempt): void {
    if (this.#connection?.isUp === true) {
      attempt.begin(this.#connection);
      return;
    }
    this.#waiting.add(attempt);
    if (this.#connection !== undefined || this.#isClosed) return;
    const connection = new RpcConnection({
      network: this.#network,
      process: this.#process,
      address: this.#address,
      windowBytes: this.#windowBytes,
      keepaliveMs: KEEPALIVE_MS,
      onUp: () => {
        const waiting = [...this.#waiting];
        this.#waiting.clear();
        for (const next of waiting) next.begin(connection);
      },
      onDown: (why) => {
        this.#connection = undefined;
        const waiting = [...this.#waiting];
        this.#waiting.clear();
        for (const next of waiting) next.failed(why);
      },
    });
    this.#connection = connection;
  }
}

function failureOf(error: CallFailed): ControllerCallFailed {
  const { code, details, trailers } = error;
  if (code === FAILED_PRECONDITION) {
    return new ControllerCallFailed(details, "notLeader", { leaderAddress: trailers[LEADER_TRAILER], cause: error });
  }
  const kind = REFUSALS.includes(code) ? "refused" : "away";
  return new ControllerCallFailed(error.message, kind, { grpcStatus: code, cause: error });
}
