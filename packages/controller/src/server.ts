import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { createRaftHost, GrpcPeerTransport, PEER_CHANNEL_OPTIONS } from "@millrace/multiraft";
import { Controller, type ControllerHandlers, Peer } from "@millrace/proto";
import { type IndexOpener, openLogStore } from "@millrace/storage";
import { type Clock, errorMessage, type Logger, MIB, type World } from "@millrace/util";
import type { Registry } from "prom-client";
import { MalformedCommand, NotControllerLeader } from "./errors.ts";
import { registerMetrics } from "./metrics.ts";
import { ControllerNode, type InitialSettings } from "./node.ts";
import type { ClusterStatus, Command__Output, MetadataUpdate, WatchRequest__Output } from "./protocol.ts";

export interface ControllerOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly registry: Registry;
  /** host:port */
  readonly listen: string;
  readonly onFatal: (error: Error) => void;
  readonly az: string;
  readonly advertise?: string;
  readonly controllerId: string;
  readonly dataDir: string;
  /** Every controller's id and address, this one's too. */
  readonly peers: ReadonlyMap<string, string>;
  readonly initialSettings: InitialSettings;
  /** The journal's index; RocksDB unless given. */
  readonly index?: IndexOpener;
}

export interface RunningController {
  /** host:port */
  readonly address: string;
  ready(): { ready: boolean; reasons: readonly string[] };
  close(options: { graceMs: number }): Promise<void>;
}

const LEADER_TRAILER = "millrace-leader";
const COMMAND_ID_CHARS_MAX = 64;
/** Every broker and gateway has one. */
const WATCHERS_MAX = 5_000;
const STATUS_TIMEOUT_MS = 2_000;
/** Elections are quick anyway, and when all controllers stop there is nobody to take over. */
const LEADERSHIP_TIMEOUT_MS = 300;
const SEGMENT_SIZE_BYTES = 16 * MIB;
const CACHE_SIZE_BYTES = 16 * MIB;
const RESERVED_FREE_BYTES = 64 * MIB;
const BALLAST_SIZE_BYTES = 8 * MIB;

/** One controller as a process serves it. @throws Error when the data folder or the address cannot be had */
export async function startController(options: ControllerOptions): Promise<RunningController> {
  const { world, logger, controllerId, dataDir, peers, listen } = options;
  await world.disk.makeDirectory(dataDir);
  const store = await openLogStore(
    world,
    {
      directory: dataDir,
      attributesOf: () => undefined,
      segmentSizeBytes: SEGMENT_SIZE_BYTES,
      cacheSizeBytes: CACHE_SIZE_BYTES,
      reservedFreeBytes: RESERVED_FREE_BYTES,
      ballastSizeBytes: BALLAST_SIZE_BYTES,
    },
    options.index === undefined ? {} : { index: options.index },
  );
  const clusterId = `controllers ${[...peers.keys()].toSorted().join(" ")}`;
  const { clock, random } = world;
  const transport = new GrpcPeerTransport({ nodeId: controllerId, clusterId, clock, random, logger });
  const host = createRaftHost({
    nodeId: controllerId,
    clock,
    random,
    logger,
    store,
    transport,
    onFatal: options.onFatal,
  });
  const node = new ControllerNode({ ...options, processId: process.pid, host });
  registerMetrics(options.registry, node, host);
  const server = new Server(PEER_CHANNEL_OPTIONS);
  server.addService(Controller.service, controllerHandlers(node, world.clock));
  server.addService(Peer.service, transport.handlers);
  const port = await bind(server, listen);
  return {
    address: `${listen.slice(0, listen.lastIndexOf(":"))}:${port}`,
    ready: () => {
      const reasons = node.reasonsNotReady;
      return { ready: reasons.length === 0, reasons };
    },
    close: async ({ graceMs }) => {
      await host.transferAllLeadership(Math.min(graceMs, LEADERSHIP_TIMEOUT_MS));
      node.close();
      await host.close();
      server.forceShutdown();
      await store.close();
    },
  };
}

function bind(server: Server, listen: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`cannot listen on ${listen}: ${error.message}`, { cause: error }));
    });
  });
}

/** The controllers' service over one node. */
export function controllerHandlers(node: ControllerNode, clock: Clock): ControllerHandlers {
  return {
    Execute: (call, callback) => {
      const command = call.request as Command__Output;
      if (command.commandId === "" || command.commandId.length > COMMAND_ID_CHARS_MAX || command.kind === undefined) {
        callback(failure(status.INVALID_ARGUMENT, "a command needs an id of 1-64 characters and a known kind"));
        return;
      }
      answer(() => node.execute(command), callback);
    },
    Heartbeat: (call, callback) => answer(async () => node.heartbeat(call.request), callback),
    Status: (_call, callback) => answer(() => statusInTime(node, clock), callback),
    Watch: (call) => watch(node, call as unknown as ServerWritableStream<WatchRequest__Output, MetadataUpdate>),
  };
}

async function statusInTime(node: ControllerNode, clock: Clock): Promise<ClusterStatus> {
  const timeout = new AbortController();
  const timer = clock.setTimer(STATUS_TIMEOUT_MS, () => timeout.abort(new Error("nobody confirmed the leadership")));
  try {
    return await node.status(timeout.signal);
  } finally {
    timer.cancel();
  }
}

function watch(node: ControllerNode, call: ServerWritableStream<WatchRequest__Output, MetadataUpdate>): void {
  if (node.watchers.count >= WATCHERS_MAX) {
    call.emit("error", failure(status.RESOURCE_EXHAUSTED, "too many watchers"));
    return;
  }
  const watcher = node.watchers.add(call.request, { write: (update) => call.write(update) });
  call.on("drain", () => watcher.drained());
  for (const event of ["cancelled", "close", "error"]) call.on(event, () => watcher.close());
}

function answer<T>(run: () => Promise<T>, callback: (error: Partial<ServiceError> | null, value?: T) => void): void {
  let promise: Promise<T>;
  try {
    promise = run();
  } catch (error) {
    promise = Promise.reject(error as Error);
  }
  promise.then(
    (value) => callback(null, value),
    (error: unknown) => callback(refusal(error)),
  );
}

function refusal(error: unknown): Partial<ServiceError> {
  if (error instanceof NotControllerLeader) {
    const metadata = new Metadata();
    if (error.leaderAddress !== undefined) metadata.set(LEADER_TRAILER, error.leaderAddress);
    return { ...failure(status.FAILED_PRECONDITION, error.message), metadata };
  }
  if (error instanceof MalformedCommand) return failure(status.INVALID_ARGUMENT, error.message);
  // Interrupted, or a barrier that nobody answered: it may pass.
  return failure(status.UNAVAILABLE, errorMessage(error));
}

function failure(code: number, details: string): Partial<ServiceError> {
  return { code, details, message: details };
}
