import {
  type BrokerNode,
  type BrokerTuning,
  launchBroker,
  loadIdentity,
  openBrokerStore,
  shardEntryAttributes,
  shardLogHandlers,
} from "@millrace/broker";
import {
  ClusterMetadata,
  ClusterTime,
  type ControllerConnection,
  connectControllers,
  createShardRouter,
  MetadataWatcher,
} from "@millrace/client";
import {
  controllerHandlers,
  ControllerLaunch,
  openControllerStore,
  type ControllerNode,
  controllerOf,
  type ControllerTuning,
} from "@millrace/controller";
import { Gateway, NO_STREAM_METRICS } from "@millrace/gateway";
import { type createRaftHost, GrpcPeerTransport } from "@millrace/multiraft";
import { Controller, Peer, ShardLog } from "@millrace/proto";
import { type LogStore, openLogStore, type ReclaimOptions } from "@millrace/storage";
import { ClusterClock, errorMessage, KIB } from "@millrace/util";
import { API_METHODS } from "../rpc/api-link.ts";
import { SimulatedControllerChannel } from "../rpc/controller-link.ts";
import { askPeer, connectPeer } from "../rpc/peer-link.ts";
import { RpcServer } from "../rpc/server.ts";
import { connectShardLog } from "../rpc/shard-log-link.ts";
import type { Process } from "../world/machine.ts";
import type { Network } from "../world/network.ts";
import { gatewayHandlers } from "./gateway-service.ts";

export const DATA_DIRECTORY = "/data";
/** Small, so that a short life has segments to seal, to index and to delete. */
const SEGMENT_SIZE_BYTES = 256 * KIB;
const CACHE_SIZE_BYTES = 128 * KIB;
const RESERVED_FREE_BYTES = 64 * KIB;
const BALLAST_SIZE_BYTES = 32 * KIB;
/** HTTP/2's flow-control window of a call. */
export const WINDOW_BYTES = 1_024 * KIB;

type RaftHostMaker = typeof createRaftHost;

/** What every program is started with. */
export interface NodeContext {
  readonly network: Network;
  readonly process: Process;
  readonly controllers: readonly string[];
  readonly tuning: Partial<BrokerTuning>;
  readonly catchUpBytesPerSecond: number;
  readonly replaceBrokerAfterS: number;
  /** When segments that hold little are emptied; storage's own rules unless given. */
  readonly reclaim: Partial<ReclaimOptions>;
  readonly controllerTuning: Partial<ControllerTuning>;
  /** Wraps what watches the Raft groups of this node around its host. */
  readonly makeHost: RaftHostMaker;
  /** The process cannot go on: it says why, and ends. */
  readonly onFatal: (error: Error) => void;
}

export interface ControllerProcess {
  readonly node: ControllerNode;
  readonly store: LogStore;
}

export interface BrokerProcess {
  readonly node: BrokerNode;
  readonly store: LogStore;
}

function connectToControllers({ network, process, controllers }: NodeContext): ControllerConnection {
  const { clock, random } = process.world;
  return connectControllers({
    addresses: controllers,
    clock,
    random,
    logger: process.logger,
    connect: (address) => new SimulatedControllerChannel(network, process, WINDOW_BYTES, address),
  });
}

function openStore({ process, onFatal, reclaim }: NodeContext, isBroker: boolean): Promise<LogStore> {
  const { machine, logger, world } = process;
  return openLogStore(
    world,
    {
      directory: DATA_DIRECTORY,
      attributesOf: isBroker ? shardEntryAttributes : () => undefined,
      segmentSizeBytes: SEGMENT_SIZE_BYTES,
      cacheSizeBytes: CACHE_SIZE_BYTES,
      reservedFreeBytes: RESERVED_FREE_BYTES,
      ballastSizeBytes: BALLAST_SIZE_BYTES,
    },
    {
      index: machine.indexes,
      reclaim,
      onBackgroundError: (error) => {
        if (!process.isAlive) return;
        logger.warn({ error: errorMessage(error) }, "background work on the journal failed");
        void onFatal;
      },
    },
  );
}

function transportOf(
  context: NodeContext,
  nodeId: string,
  clusterId: string,
  hostOf = (id: string): string => id,
): GrpcPeerTransport {
  const { network, process } = context;
  const { clock, random } = process.world;
  const connect = (address: string): ReturnType<typeof connectPeer> =>
    connectPeer(network, process, WINDOW_BYTES, address);
  return new GrpcPeerTransport({ nodeId, clusterId, hostOf, clock, random, logger: process.logger, connect });
}

/** One controller, as `startController` makes it over sockets. */
export async function bootController(
  context: NodeContext,
  started: (controller: ControllerProcess) => void,
): Promise<void> {
  const { network, process, controllers, onFatal } = context;
  const { world, logger, machine } = process;
  await world.disk.makeDirectory(DATA_DIRECTORY);
  const who = { controllerId: machine.name, peers: new Map(controllers.map((name) => [name, name])) };
  const open = (): Promise<LogStore> => openStore(context, false);
  const store = await openControllerStore({
    world,
    logger,
    dataDir: DATA_DIRECTORY,
    ...who,
    index: machine.indexes,
    open,
  });
  const launch = await ControllerLaunch.begin({
    world,
    logger,
    ...who,
    az: machine.az,
    processId: process.number,
    initialSettings: { quotas: "off", replaceBrokerAfterS: context.replaceBrokerAfterS },
    dataDir: DATA_DIRECTORY,
    store,
    ask: (address, introduction) => askPeer(network, process, WINDOW_BYTES, address, introduction),
    makeTransport: (nodeId, clusterId) => transportOf(context, nodeId, clusterId, controllerOf),
    makeHost: context.makeHost,
    launched: (node) => started({ node, store }),
    onFatal,
    tuning: context.controllerTuning,
  });
  const server = new RpcServer(WINDOW_BYTES);
  server.add({ definition: Controller.service, handlers: controllerHandlers(() => launch.node, world.clock) });
  server.add({ definition: Peer.service, handlers: launch.handlers });
  server.listen(network, process);
}

/** One broker, as `startBroker` makes it over sockets. */
export async function bootBroker(context: NodeContext, started: (broker: BrokerProcess) => void): Promise<void> {
  const { network, process, onFatal } = context;
  const { world, logger, machine } = process;
  await world.disk.makeDirectory(DATA_DIRECTORY);
  const store = await openBrokerStore({
    world,
    logger,
    dataDir: DATA_DIRECTORY,
    index: machine.indexes,
    open: () => openStore(context, true),
  });
  const identity = await loadIdentity(world.disk, world.random, DATA_DIRECTORY, machine.name);
  let node: BrokerNode | undefined;
  let transport: GrpcPeerTransport | undefined;
  const server = new RpcServer(WINDOW_BYTES);
  const observer = { appended: () => undefined, read: () => undefined };
  const handlers = shardLogHandlers({ node: () => node, logger, observer, clock: world.clock });
  server.add({ definition: ShardLog.service, handlers: handlers as unknown as Record<string, unknown> });
  server.add({
    definition: Peer.service,
    handlers: {
      exchange: (call: { emit(event: string, error: object): void }) => {
        if (transport === undefined) call.emit("error", { code: 14, details: "starting" });
        else transport.handlers.exchange(call);
      },
    },
  });
  server.listen(network, process);
  const launched = await launchBroker({
    world,
    logger,
    dataDir: DATA_DIRECTORY,
    identity,
    az: machine.az,
    address: machine.name,
    processId: process.number,
    store,
    controllers: connectToControllers(context),
    makeTransport: (nodeId, clusterId) => transportOf(context, nodeId, clusterId),
    makeHost: context.makeHost,
    onFatal,
    tuning: context.tuning,
    catchUpBytesPerSecond: context.catchUpBytesPerSecond,
    signal: new AbortController().signal,
  });
  if (launched === undefined) return;
  ({ node, transport } = launched);
  started({ node, store });
}

export interface GatewayProcess {
  readonly gateway: Gateway;
  readonly metadata: ClusterMetadata;
}

/** One gateway, as `startGateway` makes it over sockets. */
export function bootGateway(context: NodeContext): GatewayProcess {
  const { network, process } = context;
  const { world, logger } = process;
  const clock = new ClusterClock(world.clock);
  const { random } = world;
  const controllers = connectToControllers(context);
  void new ClusterTime({ controllers, clock, logger });
  const metadata = new ClusterMetadata({ clock });
  const watcher = new MetadataWatcher({ controllers, metadata });
  void watcher;
  const router = createShardRouter({
    metadata,
    clock,
    random,
    logger,
    connect: (address, listener) => connectShardLog(network, process, WINDOW_BYTES, address, listener),
  });
  const metrics = { streams: NO_STREAM_METRICS, answered: () => undefined, observe: () => undefined };
  const gateway = new Gateway({ world: { ...world, clock }, logger, metadata, controllers, router, metrics });
  const server = new RpcServer(WINDOW_BYTES);
  server.add({ definition: API_METHODS, handlers: gatewayHandlers(gateway, process) });
  server.listen(network, process);
  return { gateway, metadata };
}
