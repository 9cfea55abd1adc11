import { ClusterMetadata, ClusterTime, connectControllers, createShardRouter, MetadataWatcher } from "@millrace/client";
import type { NodeCredentials } from "@millrace/proto";
import { type AuditLog, ClusterClock, type Logger, MIB, scaledToMemory, type Tracer, type World } from "@millrace/util";
import type { Registry } from "prom-client";
import { GatewayAudit } from "./audit.ts";
import { Gateway } from "./gateway.ts";
import { createHttpServer, DEFAULT_HTTP_LIMITS, type TlsMaterial } from "./http/server.ts";
import { tracedRouter } from "./traced-router.ts";
import { gatewayMetrics } from "./metrics.ts";
import type { CredentialsProvider } from "./protocol/sigv4.ts";

/** Of puts that wait for their shards. */
const HELD_BYTES_MAX = 256 * MIB;

export interface GatewayServerOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly registry: Registry;
  /** host:port */
  readonly listen: string;
  readonly onFatal: (error: Error) => void;
  /** host:port of every controller. */
  readonly controllers: readonly string[];
  readonly tracer?: Tracer;
  /** Of calls that change something. */
  readonly audit?: AuditLog;
  /** Plain text to controllers and brokers unless given. */
  readonly nodeCredentials?: NodeCredentials;
  /** 12 digits: of access keys that name none. */
  readonly defaultAccountId: string;
  /** Absent: any credentials are accepted. */
  readonly credentials?: CredentialsProvider;
  /** Present: TLS is spoken on the port. */
  readonly tls?: TlsMaterial;
  /** Clear text beside TLS; without TLS there is nothing else. */
  readonly allowPlaintext?: boolean;
}

export interface RunningGateway {
  /** host:port */
  readonly address: string;
  ready(): { ready: boolean; reasons: readonly string[] };
  /** Of what it serves from; 0 before the controllers were heard. */
  metadataVersion(): number;
  /** For connections from now on. */
  replaceTls(material: TlsMaterial): void;
  close(options: { graceMs: number }): Promise<void>;
}

/** Of a body in JSON. */
const BASE64_BYTES_PER_BYTE = 4 / 3;

/** One gateway as a process serves it. @throws Error when the address cannot be had */
export async function startGateway(options: GatewayServerOptions): Promise<RunningGateway> {
  const { world, logger, listen, credentials, tls, allowPlaintext, nodeCredentials, tracer } = options;
  const clock = new ClusterClock(world.clock);
  const { random } = world;
  const controllers = connectControllers({ addresses: options.controllers, clock, random, logger, nodeCredentials });
  const time = new ClusterTime({ controllers, clock, logger });
  const metadata = new ClusterMetadata({ clock });
  const watcher = new MetadataWatcher({ controllers, metadata });
  const heldBytesMax = scaledToMemory(HELD_BYTES_MAX);
  const router = createShardRouter({ metadata, clock, random, logger, nodeCredentials, heldBytesMax });
  const metrics = gatewayMetrics(options.registry);
  const audit = options.audit === undefined ? undefined : new GatewayAudit(options.audit, clock);
  const gateway = new Gateway({
    ...{ world: { ...world, clock }, logger, metadata, controllers, router, metrics },
    ...(audit === undefined ? {} : { audit }),
    ...(tracer === undefined ? {} : { tracer, router: tracedRouter(router, tracer) }),
  });
  const server = createHttpServer(
    {
      world: { ...world, clock },
      logger,
      credentials,
      defaultAccountId: options.defaultAccountId,
      ...(audit === undefined ? {} : { onRefused: (refused) => audit.refused(refused) }),
      limits: { bodyBudgetBytes: scaledToMemory(DEFAULT_HTTP_LIMITS.bodyBudgetBytes) },
      largeBodyBytesNow: () => gateway.putBytesWanted * BASE64_BYTES_PER_BYTE,
      ...(tls === undefined ? {} : { tls, allowPlaintext: allowPlaintext ?? false }),
    },
    (request) => gateway.handle(request),
  );
  metrics.observe(server);
  const host = listen.slice(0, listen.lastIndexOf(":"));
  // An IPv6 host is in brackets wherever a port follows it.
  const bareHost = host.replace(/^\[(.*)\]$/, "$1");
  const { port } = await server.listen(Number(listen.slice(listen.lastIndexOf(":") + 1)), bareHost);
  return {
    address: `${host}:${port}`,
    ready: () => {
      const reasons = gateway.reasonsNotReady;
      return { ready: reasons.length === 0, reasons };
    },
    metadataVersion: () => metadata.version,
    replaceTls: (material) => server.replaceTls(material),
    close: async ({ graceMs }) => {
      await server.close({ graceMs });
      router.close();
      time.close();
      watcher.close();
      controllers.close();
    },
  };
}
