import { Server } from "@grpc/grpc-js";
import { createRaftHost, GrpcPeerTransport, PEER_CHANNEL_OPTIONS } from "@millrace/multiraft";
import { Controller, type NodeCredentials, Peer, PLAIN_TEXT } from "@millrace/proto";
import { type IndexOpener, type LogStore, openLogStore } from "@millrace/storage";
import { type AuditLog, type Logger, MIB, type World } from "@millrace/util";
import type { Registry } from "prom-client";
import { ControllerLaunch } from "./launch.ts";
import { askOverGrpc } from "./membership/ask-peer.ts";
import { controllerOf } from "./membership/member-id.ts";
import { openControllerStore } from "./membership/open-store.ts";
import { registerMetrics } from "./metrics.ts";
import type { InitialSettings } from "./node.ts";
import { controllerHandlers } from "./service.ts";

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
  /** Of commands from outside. */
  readonly audit?: AuditLog;
  /** Plain text unless given. */
  readonly nodeCredentials?: NodeCredentials;
  /** The journal's index; RocksDB unless given. */
  readonly index?: IndexOpener;
}

export interface RunningController {
  /** host:port */
  readonly address: string;
  ready(): { ready: boolean; reasons: readonly string[] };
  close(options: { graceMs: number }): Promise<void>;
}

/** Elections are quick anyway, and when all controllers stop there is nobody to take over. */
const LEADERSHIP_TIMEOUT_MS = 300;
const SEGMENT_SIZE_BYTES = 16 * MIB;
const CACHE_SIZE_BYTES = 16 * MIB;
const RESERVED_FREE_BYTES = 64 * MIB;
const BALLAST_SIZE_BYTES = 8 * MIB;

/** One controller as a process serves it. @throws Error when the data folder or the address cannot be had */
export async function startController(options: ControllerOptions): Promise<RunningController> {
  const { world, logger, dataDir, listen, nodeCredentials = PLAIN_TEXT } = options;
  await world.disk.makeDirectory(dataDir);
  const open = (): Promise<LogStore> =>
    openLogStore(
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
  const store = await openControllerStore({ ...options, open });
  const { clock, random } = world;
  const launch = await ControllerLaunch.begin({
    ...options,
    processId: process.pid,
    store,
    ask: askOverGrpc(nodeCredentials, clock),
    makeTransport: (nodeId, clusterId) =>
      new GrpcPeerTransport({ nodeId, clusterId, hostOf: controllerOf, clock, random, logger, nodeCredentials }),
    makeHost: createRaftHost,
    launched: (node, host) => registerMetrics(options.registry, node, host),
  });
  const server = new Server(PEER_CHANNEL_OPTIONS);
  server.addService(
    Controller.service,
    controllerHandlers(() => launch.node, clock, options.audit),
  );
  server.addService(Peer.service, launch.handlers);
  const port = await bind(server, listen, nodeCredentials);
  return {
    address: `${listen.slice(0, listen.lastIndexOf(":"))}:${port}`,
    ready: () => {
      const reasons = launch.reasonsNotReady;
      return { ready: reasons.length === 0, reasons };
    },
    close: async ({ graceMs }) => {
      await launch.close({ leadershipTimeoutMs: Math.min(graceMs, LEADERSHIP_TIMEOUT_MS) });
      server.forceShutdown();
      await store.close();
    },
  };
}

function bind(server: Server, listen: string, { server: credentials }: NodeCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`cannot listen on ${listen}: ${error.message}`, { cause: error }));
    });
  });
}
