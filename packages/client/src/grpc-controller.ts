import { type ClientUnaryCall, connectivityState, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  Controller,
  type ControllerClient,
  type MetadataUpdate__Output,
  type NodeCredentials,
  PLAIN_TEXT,
} from "@millrace/proto";
import { type Clock, errorMessage } from "@millrace/util";
import { cancelSoon } from "./cancel-soon.ts";
import { CONTROLLER_CHANNEL_OPTIONS } from "./channel-options.ts";
import {
  type ConnectController,
  ControllerCallFailed,
  type ControllerCallOptions,
  type ControllerChannel,
} from "./network.ts";

export const LEADER_TRAILER = "millrace-leader";

/** Whoever waits for less says nothing about the connection. */
const CONNECT_TIMEOUT_MS = 500;

/** Controllers over gRPC. */
export function controllersOverGrpc(clock: Clock, nodeCredentials: NodeCredentials = PLAIN_TEXT): ConnectController {
  return (address) =>
    grpcChannel(() => new Controller(address, nodeCredentials.channel, CONTROLLER_CHANNEL_OPTIONS), clock);
}

type Callback<T> = (error: ServiceError | null, value?: T) => void;
type Start<T> = (metadata: Metadata, callback: Callback<T>) => ClientUnaryCall;
interface Cancellable {
  cancel(): void;
}

function grpcChannel(connect: () => ControllerClient, clock: Clock): ControllerChannel {
  const calls = new Set<Cancellable>();
  let client = connect();
  let isClosed = false;

  /**
   * The caller's patience ended while the connection was still being made: to an address that drops what it is sent, or to a
   * process that stands still. gRPC would wait for TCP to give up, for minutes, though the name may have another address by now.
   */
  function reconnectIfStuck(): void {
    if (isClosed || client.getChannel().getConnectivityState(false) !== connectivityState.CONNECTING) return;
    const stuck = client;
    client = connect();
    // Calls that wait for it have deadlines of their own.
    setImmediate(() => stuck.close());
  }

  /**
   * One call as a promise; the signal cancels it, and keeps no listener afterwards. gRPC's own deadlines are times of the process's wall
   * clock: by one of the cluster's that differs, or one that is set while a call waits, they would have passed before it is sent.
   */
  function unary<T>({ timeoutMs, signal }: ControllerCallOptions, start: Start<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => cancelSoon(call);
      const settled = (): void => {
        calls.delete(call);
        timer.cancel();
        signal?.removeEventListener("abort", onAbort);
      };
      const timer = clock.setTimer(timeoutMs, () => {
        settled();
        if (timeoutMs >= CONNECT_TIMEOUT_MS) reconnectIfStuck();
        cancelSoon(call);
        reject(new ControllerCallFailed(`no answer within ${timeoutMs} ms`, "away"));
      });
      const call = start(new Metadata(), (error, value) => {
        settled();
        if (error === null) resolve(value as T);
        else reject(failureOf(error));
      });
      calls.add(call);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  return {
    execute: (command, options) => unary(options, (...rest) => client.execute(command, ...rest)),
    heartbeat: (heartbeat, options) => unary(options, (...rest) => client.heartbeat(heartbeat, ...rest)),
    status: (options) => unary(options, (...rest) => client.status({}, ...rest)),
    backup: (options) => unary(options, (...rest) => client.backup({}, ...rest)),
    leases: (request, options) => unary(options, (...rest) => client.leases(request, ...rest)),
    watch(request, listener) {
      const call = client.watch(request);
      calls.add(call);
      let isOver = false;
      const ended = (why: string): void => {
        calls.delete(call);
        if (isOver) return;
        isOver = true;
        listener.ended(why);
      };
      call.on("data", (update: MetadataUpdate__Output) => {
        if (!isOver) listener.update(update);
      });
      call.on("error", (error: Error) => ended(errorMessage(error)));
      call.on("end", () => ended("ended by the controller"));
      const cancel = (): void => {
        if (!isOver) reconnectIfStuck();
        isOver = true;
        calls.delete(call);
        cancelSoon(call);
      };
      return { cancel };
    },
    close() {
      isClosed = true;
      for (const call of calls) cancelSoon(call);
      calls.clear();
      client.close();
    },
  };
}

function failureOf(error: ServiceError): ControllerCallFailed {
  switch (error.code) {
    case status.FAILED_PRECONDITION: {
      const leader = error.metadata?.get(LEADER_TRAILER)[0]?.toString();
      const leaderAddress = leader === "" ? undefined : leader;
      return new ControllerCallFailed(error.details, "notLeader", { leaderAddress, cause: error });
    }
    case status.INVALID_ARGUMENT:
    case status.UNIMPLEMENTED:
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
    case status.OUT_OF_RANGE:
      return new ControllerCallFailed(error.details, "refused", { grpcStatus: error.code, cause: error });
    default:
      return new ControllerCallFailed(errorMessage(error), "away", { grpcStatus: error.code, cause: error });
  }
}
