import { Server } from "@grpc/grpc-js";
import { connectControllers } from "@millrace/client";
import { GrpcPeerTransport, PEER_CHANNEL_OPTIONS } from "@millrace/multiraft";
import { type NodeCredentials, Peer, PLAIN_TEXT, ShardLog } from "@millrace/proto";
import { type IndexOpener, type LogStore, openLogStore } from "@millrace/storage";
import { errorMessage, type Logger, MIB, scaledToMemory, type Tracer, type World } from "@millrace/util";
import type { Registry } from "prom-client";
import { loadIdentity } from "./identity.ts";
import { type LaunchedBroker, launchBroker } from "./launch.ts";
import { brokerMetrics } from "./metrics.ts";
import { openBrokerStore } from "./open-store.ts";
import { shardLogHandlers } from "./service/shard-log-service.ts";
import { shardEntryAttributes } from "./shard/entries.ts";
import { TUNING } from "./tuning.ts";

export interface BrokerOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly registry: Registry;
  /** host:port */
  readonly listen: string;
  readonly onFatal: (error: Error) => void;
  readonly az: string;
  readonly advertise?: string;
  readonly brokerId: string;
  readonly dataDir: string;
  /** host:port of every controller. */
  readonly controllers: readonly string[];
  readonly tracer?: Tracer;
  /** Plain text unless given. */
  readonly nodeCredentials?: NodeCredentials;
  /** The journal's index; RocksDB unless given. */
  readonly index?: IndexOpener;
  readonly catchUpBytesPerSecond?: number;
}

export interface RunningBroker {
  /** host:port */
  readonly address: string;
  ready(): { ready: boolean; reasons: readonly string[] };
  close(options: { graceMs: number }): Promise<void>;
}

const SEGMENT_SIZE_BYTES = 128 * MIB;
const CACHE_SIZE_BYTES = 128 * MIB;
const RESERVED_FREE_BYTES = 256 * MIB;
const BALLAST_SIZE_BYTES = 16 * MIB;
const LEADERSHIP_TIMEOUT_MS = 3_000;

/**
 * One broker as a process serves it. Resolves when it listens; who it is, it learns from the controllers, or from its disk
 * when it has been here before. @throws Error when the data folder or the address cannot be had
 */
export async function startBroker(options: BrokerOptions): Promise<RunningBroker> {
  const { world, logger, dataDir, listen, brokerId, nodeCredentials = PLAIN_TEXT } = options;
  await world.disk.makeDirectory(dataDir);
  const metrics = brokerMetrics(options.registry);
  const open = (): Promise<LogStore> =>
    openLogStore(
      world,
      {
        directory: dataDir,
        attributesOf: shardEntryAttributes,
        segmentSizeBytes: SEGMENT_SIZE_BYTES,
        cacheSizeBytes: scaledToMemory(CACHE_SIZE_BYTES),
        reservedFreeBytes: RESERVED_FREE_BYTES,
        ballastSizeBytes: BALLAST_SIZE_BYTES,
      },
      {
        ...(options.index === undefined ? {} : { index: options.index }),
        onSync: (report) => metrics.synced(report),
        onBackgroundError: (error) =>
          logger.warn({ error: errorMessage(error) }, "background work on the journal failed"),
      },
    );
  const store = await openBrokerStore({ world, logger, dataDir, index: options.index, open });
  const identity = await loadIdentity(world.disk, world.random, dataDir, brokerId);
  const server = new Server({ ...PEER_CHANNEL_OPTIONS, "grpc.max_concurrent_streams": 1_024 });
  const { clock } = world;
  let running: LaunchedBroker<GrpcPeerTransport> | undefined;
  server.addService(
    ShardLog.service,
    shardLogHandlers({
      node: () => running?.node,
      logger,
      observer: metrics,
      clock,
      tracer: options.tracer,
    }),
  );
  server.addService(Peer.service, {
    exchange: (call: { emit(event: string, error: object): void }) => {
      if (running === undefined) call.emit("error", { code: 14, details: "starting" });
      else running.transport.handlers.exchange(call);
    },
  });
  const port = await bind(server, listen, nodeCredentials);
  const host = listen.slice(0, listen.lastIndexOf(":"));
  const address = options.advertise ?? `${host}:${port}`;
  const { random } = world;
  const controllers = connectControllers({ addresses: options.controllers, clock, random, logger, nodeCredentials });
  const stop = new AbortController();
  const started = launchBroker({
    ...options,
    tuning: { inFlightBytesMax: scaledToMemory(TUNING.inFlightBytesMax) },
    identity,
    address,
    processId: process.pid,
    store,
    controllers,
    makeTransport: (nodeId, clusterId) =>
      new GrpcPeerTransport({ nodeId, clusterId, clock, random, logger, nodeCredentials }),
    signal: stop.signal,
  }).then(
    (value) => {
      running = value;
      if (value !== undefined) metrics.observe(value.node, value.host, store);
    },
    (error: unknown) => options.onFatal(error instanceof Error ? error : new Error(errorMessage(error))),
  );
  return {
    address: `${host}:${port}`,
    ready: () => {
      const reasons = running?.node.reasonsNotReady ?? ["not registered with the controllers yet"];
      return { ready: reasons.length === 0, reasons };
    },
    close: async ({ graceMs }) => {
      stop.abort();
      await started;
      await running?.host.transferAllLeadership(Math.min(graceMs, LEADERSHIP_TIMEOUT_MS));
      await running?.node.close();
      await running?.host.close();
      controllers.close();
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
