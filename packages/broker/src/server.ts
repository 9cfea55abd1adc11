import { Server, ServerCredentials } from "@grpc/grpc-js";
import { connectControllers, type ControllerConnection } from "@millrace/client";
import { createRaftHost, GrpcPeerTransport, PEER_CHANNEL_OPTIONS } from "@millrace/multiraft";
import { type MetadataUpdate__Output, Peer, ShardLog } from "@millrace/proto";
import { openLogStore } from "@millrace/storage";
import { errorMessage, type Logger, MIB, type World } from "@millrace/util";
import type { Registry } from "prom-client";
import { type Identity, loadIdentity, loadMetadata, saveIdentity } from "./identity.ts";
import { brokerMetrics } from "./metrics.ts";
import { BrokerNode } from "./node.ts";
import { shardLogHandlers } from "./service/shard-log-service.ts";
import { shardEntryAttributes } from "./shard/entries.ts";

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
const REGISTER_TIMEOUT_MS = 5_000;
const REGISTER_AGAIN_AFTER_MS = 200;
const LEADERSHIP_TIMEOUT_MS = 3_000;

/**
 * One broker as a process serves it. Resolves when it listens; who it is, it learns from the controllers, or from its disk
 * when it has been here before. @throws Error when the data folder or the address cannot be had
 */
export async function startBroker(options: BrokerOptions): Promise<RunningBroker> {
  const { world, logger, dataDir, listen, brokerId } = options;
  await world.disk.makeDirectory(dataDir);
  const metrics = brokerMetrics(options.registry);
  const store = await openLogStore(
    world,
    {
      directory: dataDir,
      attributesOf: shardEntryAttributes,
      segmentSizeBytes: SEGMENT_SIZE_BYTES,
      cacheSizeBytes: CACHE_SIZE_BYTES,
      reservedFreeBytes: RESERVED_FREE_BYTES,
    },
    {
      onSync: (report) => metrics.synced(report),
      onBackgroundError: (error) =>
        logger.warn({ error: errorMessage(error) }, "background work on the journal failed"),
    },
  );
  const identity = await loadIdentity(world.disk, world.random, dataDir, brokerId);
  const server = new Server({ ...PEER_CHANNEL_OPTIONS, "grpc.max_concurrent_streams": 1_024 });
  const { clock } = world;
  let running: Running | undefined;
  server.addService(
    ShardLog.service,
    shardLogHandlers({
      node: () => running?.node,
      logger,
      observer: metrics,
      monotonicMs: () => clock.monotonicMs(),
    }),
  );
  server.addService(Peer.service, {
    exchange: (call: { emit(event: string, error: object): void }) => {
      if (running === undefined) call.emit("error", { code: 14, details: "starting" });
      else running.transport.handlers.exchange(call);
    },
  });
  const port = await bind(server, listen);
  const host = listen.slice(0, listen.lastIndexOf(":"));
  const address = options.advertise ?? `${host}:${port}`;
  const { random } = world;
  const controllers = connectControllers({ addresses: options.controllers, clock, random, logger });
  const stop = new AbortController();
  const started = start({ ...options, identity, address, store, controllers, signal: stop.signal }).then(
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
      running?.node.close();
      await running?.host.close();
      controllers.close();
      server.forceShutdown();
      await store.close();
    },
  };
}

interface Running {
  readonly node: BrokerNode;
  readonly host: ReturnType<typeof createRaftHost>;
  readonly transport: GrpcPeerTransport;
}

interface StartOptions extends BrokerOptions {
  readonly identity: Identity;
  readonly address: string;
  readonly store: Awaited<ReturnType<typeof openLogStore>>;
  readonly signal: AbortSignal;
}

type Start = Omit<StartOptions, "controllers"> & { readonly controllers: ControllerConnection };

/** Undefined when it was stopped before it knew who it is. */
async function start(options: Start): Promise<Running | undefined> {
  const { world, logger, dataDir, store, controllers } = options;
  const { clock, random } = world;
  const cachedMetadata = await loadMetadata(world.disk, dataDir);
  const isKnown = options.identity.incarnation > 0 && cachedMetadata !== undefined;
  const identity = isKnown ? options.identity : await introduce(options);
  if (identity === undefined) return undefined;
  const nodeId = `${identity.brokerId}/${identity.incarnation}`;
  const transport = new GrpcPeerTransport({ nodeId, clusterId: identity.clusterId, clock, random, logger });
  const host = createRaftHost({ nodeId, clock, random, logger, store, transport, onFatal: options.onFatal });
  const node = new BrokerNode({
    world,
    logger,
    dataDir,
    identity,
    nodeId,
    store,
    host,
    controllers,
    cachedMetadata: isKnown ? cachedMetadata : undefined,
    register: async () => {
      await register(options);
    },
  });
  if (isKnown) {
    // Its address may have changed; the controllers may be away, and the shards serve meanwhile.
    register(options).catch((error: unknown) => {
      if (error instanceof Superseded) options.onFatal(error);
      else logger.warn({ error: errorMessage(error) }, "not registered yet; serving from what was known");
    });
  }
  logger.info({ nodeId, address: options.address }, "broker started");
  return { node, host, transport };
}

/** This disk has no name yet: the controllers give one. Waits for them. */
async function introduce(options: Start): Promise<Identity | undefined> {
  const { world, logger, controllers, signal, dataDir } = options;
  for (;;) {
    if (signal.aborted) return undefined;
    try {
      const incarnation = await register(options);
      const clusterId = await firstClusterId(controllers, signal);
      const identity = { ...options.identity, incarnation, clusterId };
      await saveIdentity(world.disk, dataDir, identity);
      return identity;
    } catch (error) {
      if (error instanceof Superseded) throw error;
      if (!signal.aborted) logger.info({ error: errorMessage(error) }, "waiting for the controllers");
      await world.clock.sleep(REGISTER_AGAIN_AFTER_MS);
    }
  }
}

/** The controllers know a newer disk of this broker: this one must not take part any more. */
class Superseded extends Error {}

async function register({ controllers, world, identity, az, address, signal }: Start): Promise<number> {
  const { brokerId, diskId } = identity;
  const result = await controllers.execute(
    {
      commandId: world.random.bytes(16).toString("hex"),
      registerBroker: { brokerId, diskId, az, address, processId: process.pid },
    },
    { timeoutMs: REGISTER_TIMEOUT_MS, signal },
  );
  if (result.error !== null) throw new Superseded(result.error.message);
  if (identity.incarnation > 0 && result.incarnation !== identity.incarnation) {
    throw new Superseded(
      `the controllers know this disk as incarnation ${result.incarnation}, not ${identity.incarnation}`,
    );
  }
  return result.incarnation;
}

function firstClusterId(controllers: ControllerConnection, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => finish(() => reject(signal.reason as Error));
    const watch = controllers.watch((update: MetadataUpdate__Output) => {
      const clusterId = update.cluster?.clusterId ?? "";
      if (clusterId !== "") finish(() => resolve(clusterId));
    });
    const finish = (settle: () => void): void => {
      signal.removeEventListener("abort", onAbort);
      queueMicrotask(() => watch.close());
      settle();
    };
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

function bind(server: Server, listen: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`cannot listen on ${listen}: ${error.message}`, { cause: error }));
    });
  });
}
