import { ClusterMetadata, connectControllers, createShardRouter, MetadataWatcher } from "@millrace/client";
import type { Logger, World } from "@millrace/util";
import type { Registry } from "prom-client";
import { Gateway } from "./gateway.ts";
import { createHttpServer, type TlsMaterial } from "./http/server.ts";
import { gatewayMetrics } from "./metrics.ts";
import type { CredentialsProvider } from "./protocol/sigv4.ts";

export interface GatewayServerOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly registry: Registry;
  /** host:port */
  readonly listen: string;
  readonly onFatal: (error: Error) => void;
  /** host:port of every controller. */
  readonly controllers: readonly string[];
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

/** One gateway as a process serves it. @throws Error when the address cannot be had */
export async function startGateway(options: GatewayServerOptions): Promise<RunningGateway> {
  const { world, logger, listen, credentials, tls, allowPlaintext } = options;
  const { clock, random } = world;
  const controllers = connectControllers({ addresses: options.controllers, clock, random, logger });
  const metadata = new ClusterMetadata({ clock });
  const watcher = new MetadataWatcher({ controllers, metadata });
  const router = createShardRouter({ metadata, clock, random, logger });
  const metrics = gatewayMetrics(options.registry);
  const gateway = new Gateway({ world, logger, metadata, controllers, router, metrics });
  const server = createHttpServer(
    {
      world,
      logger,
      credentials,
      defaultAccountId: options.defaultAccountId,
      ...(tls === undefined ? {} : { tls, allowPlaintext: allowPlaintext ?? false }),
    },
    (request) => gateway.handle(request),
  );
  metrics.observe(server);
  const host = listen.slice(0, listen.lastIndexOf(":"));
  const { port } = await server.listen(Number(listen.slice(listen.lastIndexOf(":") + 1)), host);
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
      watcher.close();
      controllers.close();
    },
  };
}
