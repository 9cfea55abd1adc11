import type { ControllerConnection } from "@millrace/client";
import { createRaftHost, type PeerTransport } from "@millrace/multiraft";
import type { MetadataUpdate__Output } from "@millrace/proto";
import type { LogStore } from "@millrace/storage";
import { errorMessage, type Logger, type World } from "@millrace/util";
import { type Identity, saveIdentity } from "./identity.ts";
import { loadMetadata } from "./metadata-file.ts";
import { BrokerNode } from "./node.ts";
import type { BrokerTuning } from "./tuning.ts";

/** What a broker is put together from. A process makes these over sockets, a simulation without. */
export interface LaunchOptions<T extends PeerTransport> {
  readonly world: World;
  readonly logger: Logger;
  readonly dataDir: string;
  readonly identity: Identity;
  readonly az: string;
  /** Where others reach it. */
  readonly address: string;
  readonly processId: number;
  readonly store: LogStore;
  readonly controllers: ControllerConnection;
  readonly makeTransport: (nodeId: string, clusterId: string) => T;
  readonly makeHost?: typeof createRaftHost;
  readonly onFatal: (error: Error) => void;
  readonly tuning?: Partial<BrokerTuning>;
  /** Of old entries to replicas that are filled again; multiraft's own pace unless given. */
  readonly catchUpBytesPerSecond?: number | undefined;
  /** Ends the wait for the controllers. */
  readonly signal: AbortSignal;
}

export interface LaunchedBroker<T extends PeerTransport> {
  readonly node: BrokerNode;
  readonly host: ReturnType<typeof createRaftHost>;
  readonly transport: T;
}

const REGISTER_TIMEOUT_MS = 5_000;
const REGISTER_AGAIN_AFTER_MS = 200;

/**
 * A broker learns who it is, from its disk or from the controllers, and begins to host its shards. Undefined when it was stopped
 * before it knew. @throws Error when the controllers know a newer disk of this broker
 */
export async function launchBroker<T extends PeerTransport>(
  options: LaunchOptions<T>,
): Promise<LaunchedBroker<T> | undefined> {
  const { world, logger, dataDir, store, controllers } = options;
  const { clock, random, failpoint } = world;
  const cachedMetadata = await loadMetadata(world.disk, dataDir);
  const isKnown = options.identity.incarnation > 0 && cachedMetadata !== undefined;
  const identity = isKnown ? options.identity : await introduce(options);
  if (identity === undefined) return undefined;
  const named = { ...options, identity };
  const nodeId = `${identity.brokerId}/${identity.incarnation}`;
  const transport = options.makeTransport(nodeId, identity.clusterId);
  const makeHost = options.makeHost ?? createRaftHost;
  const { onFatal, catchUpBytesPerSecond } = options;
  const pace = catchUpBytesPerSecond === undefined ? {} : { catchUpBytesPerSecond };
  const host = makeHost({ nodeId, clock, random, logger, store, transport, onFatal, failpoint, ...pace });
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
    tuning: options.tuning,
    register: async () => {
      try {
        await register(named);
      } catch (error) {
        // Controllers that began anew by mistake stop nobody who serves.
        if (error instanceof Superseded && error.code !== "WRONG_CLUSTER") onFatal(error);
        throw error;
      }
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

type AnyLaunch = LaunchOptions<PeerTransport>;

/** This disk has no name yet: the controllers give one. Waits for them. */
async function introduce(options: AnyLaunch): Promise<Identity | undefined> {
  const { world, logger, controllers, signal, dataDir } = options;
  for (;;) {
    if (signal.aborted) return undefined;
    try {
      const incarnation = await register(options);
      const { clusterId, settings } = await firstCluster(controllers, signal);
      const replicationFactor = settings?.replicationFactor ?? 0;
      const identity = { ...options.identity, incarnation, clusterId, replicationFactor };
      world.failpoint?.("broker.before-save-identity");
      await saveIdentity(world.disk, dataDir, identity);
      world.failpoint?.("broker.after-save-identity");
      return identity;
    } catch (error) {
      if (error instanceof Superseded) throw error;
      if (!signal.aborted) logger.warn({ error: errorMessage(error) }, "waiting for the controllers");
      await world.clock.sleep(REGISTER_AGAIN_AFTER_MS);
    }
  }
}

/** The controllers know a newer disk of this broker: this one must not take part any more. */
class Superseded extends Error {
  readonly code: string;

  constructor(message: string, code = "DISK_SUPERSEDED") {
    super(message);
    this.code = code;
  }
}

async function register({ controllers, world, identity, az, address, processId, signal }: AnyLaunch): Promise<number> {
  const { brokerId, diskId, clusterId, incarnation } = identity;
  world.failpoint?.("broker.before-register");
  const result = await controllers.execute(
    {
      commandId: world.random.bytes(16).toString("hex"),
      registerBroker: { brokerId, diskId, az, address, processId, clusterId, incarnation },
    },
    { timeoutMs: REGISTER_TIMEOUT_MS, signal },
  );
  world.failpoint?.("broker.after-register");
  if (result.error !== null) throw new Superseded(result.error.message, result.error.code);
  if (identity.incarnation > 0 && result.incarnation !== identity.incarnation) {
    throw new Superseded(
      `the controllers know this disk as incarnation ${result.incarnation}, not ${identity.incarnation}`,
    );
  }
  return result.incarnation;
}

type Cluster = NonNullable<MetadataUpdate__Output["cluster"]>;

function firstCluster(controllers: ControllerConnection, signal: AbortSignal): Promise<Cluster> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => finish(() => reject(signal.reason as Error));
    const watch = controllers.watch((update: MetadataUpdate__Output) => {
      const { cluster } = update;
      if (cluster !== null && cluster.clusterId !== "") finish(() => resolve(cluster));
    });
    const finish = (settle: () => void): void => {
      signal.removeEventListener("abort", onAbort);
      queueMicrotask(() => watch.close());
      settle();
    };
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
