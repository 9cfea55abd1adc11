import { join } from "node:path";
import type { IndexOpener } from "@millrace/storage";
import { type Logger, makeAuditLog, MIB, type Tracer, type World } from "@millrace/util";
import type { Registry } from "prom-client";
import type { NodeCredentials } from "@millrace/proto";
import type { Readiness } from "./admin-server.ts";
import { isLoopback, splitAddress } from "./addresses.ts";
import { watchCredentials } from "./credentials.ts";
import type { PeerTlsOptions } from "./peer-tls-options.ts";
import type { CertificateExpiry, TlsFiles, TlsMaterial } from "./tls-files.ts";

/** In the order in which they start: who serves before who asks. */
export const ROLES = ["controller", "broker", "gateway"] as const;
export const DEFAULT_ACCOUNT_ID = "000000000000";
export type Role = (typeof ROLES)[number];

export interface NodeOptions extends PeerTlsOptions {
  readonly roles: readonly Role[];
  readonly id: string;
  readonly az: string;
  /** Holds the zone, instead of `az`. */
  readonly azFile?: string;
  /** Of the gateway when it is one of several roles, else of the only one. */
  readonly listen: string;
  /** Of one role among several; for the controller absent: its own address among `controllers`. */
  readonly controllerListen?: string;
  readonly brokerListen?: string;
  readonly advertise?: string;
  readonly adminListen: string;
  readonly dataDir: string;
  readonly controllers: ReadonlyMap<string, string>;
  /** Of a broker. */
  readonly catchUpMibPerSecond: number;
  readonly quotas: "aws" | "off";
  readonly credentials?: string;
  readonly insecure: boolean;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsOptional: boolean;
  readonly accountId: string;
  /** Else with the other lines. */
  readonly auditLog?: string;
  readonly otlpEndpoint?: string;
  readonly otlpSample: number;
  readonly logLevel: string;
}

export interface RunningRole {
  /** host:port */
  readonly address: string;
  ready(): Readiness;
  /** Gateways: of the metadata that they serve from. */
  metadataVersion?(): number;
  close(options: { graceMs: number }): Promise<void>;
}

/** What the roles of one process share. */
export interface Surroundings {
  readonly world: World;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly onFatal: (error: Error) => void;
  readonly certificateExpiry: CertificateExpiry;
  /** Plain text between nodes unless given. */
  readonly nodeCredentials?: NodeCredentials;
  /** Nothing is traced unless given. */
  readonly tracer?: Tracer;
  /** RocksDB unless given. */
  readonly index?: IndexOpener;
  /** 3 unless given. */
  readonly replicationFactor?: number;
}

/** Several roles cannot share one port. */
export function listenAddress(role: Role, options: NodeOptions): string {
  const { roles, id, listen, controllers } = options;
  if (roles.length === 1) return listen;
  switch (role) {
    case "controller":
      return options.controllerListen ?? controllers.get(id) ?? "127.0.0.1:0";
    case "broker":
      return options.brokerListen ?? (roles.includes("gateway") ? "127.0.0.1:0" : listen);
    case "gateway":
      return listen;
  }
}

/** Of the Kinesis endpoint. @throws Error for half a pair */
export function endpointTlsFiles({ tlsCertificate, tlsKey }: NodeOptions): TlsFiles | undefined {
  if (tlsCertificate === undefined && tlsKey === undefined) return undefined;
  if (tlsCertificate === undefined || tlsKey === undefined) {
    throw new Error("--tls-certificate and --tls-key go together");
  }
  return { certificate: tlsCertificate, key: tlsKey };
}

/** Who reaches a node's port without mutual TLS may read and write every record, and command the controllers. */
function warnOfPlainText(
  listen: string,
  { nodeCredentials, logger }: Pick<Surroundings, "nodeCredentials" | "logger">,
) {
  if (nodeCredentials !== undefined || isLoopback(splitAddress(listen).host)) return;
  logger.warn(
    { listen },
    "NO TLS BETWEEN NODES on an address that others may reach: give --peer-ca, --peer-certificate and --peer-key",
  );
}

/** @throws Error when its data folder or address cannot be had */
export async function startRole(
  role: Role,
  options: NodeOptions,
  { index, replicationFactor, certificateExpiry: expiry, ...shared }: Surroundings,
): Promise<RunningRole> {
  const common = { ...shared, listen: listenAddress(role, options) };
  const controllers = [...options.controllers.values()];
  const placed = {
    ...common,
    az: options.az,
    ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
    ...(index === undefined ? {} : { index }),
  };
  if (role !== "gateway") warnOfPlainText(common.listen, shared);
  // A role's code is loaded by the processes that have it: start-up is mostly loading code.
  switch (role) {
    case "controller": {
      const { startController } = await import("@millrace/controller");
      return startController({
        ...placed,
        audit: makeAuditLog(shared.logger, role, options.auditLog),
        controllerId: options.id,
        dataDir: join(options.dataDir, "controller"),
        peers: options.controllers,
        initialSettings: {
          quotas: options.quotas,
          ...(replicationFactor === undefined ? {} : { replicationFactor }),
        },
      });
    }
    case "broker": {
      const { startBroker } = await import("@millrace/broker");
      return startBroker({
        ...placed,
        brokerId: options.id,
        dataDir: join(options.dataDir, "broker"),
        controllers,
        catchUpBytesPerSecond: options.catchUpMibPerSecond * MIB,
      });
    }
    case "gateway": {
      const { startGateway } = await import("@millrace/gateway");
      const { readTls, watchTls } = await import("./tls-files.ts");
      const credentials =
        options.credentials === undefined ? undefined : watchCredentials(options.credentials, shared.logger);
      const files = endpointTlsFiles(options);
      const gateway = await startGateway({
        ...common,
        controllers,
        defaultAccountId: options.accountId,
        audit: makeAuditLog(shared.logger, role, options.auditLog),
        ...(credentials === undefined ? {} : { credentials }),
        ...(files === undefined ? {} : { tls: readTls(files), allowPlaintext: options.tlsOptional }),
      });
      if (files !== undefined) {
        const changed = (material: TlsMaterial): void => gateway.replaceTls(material);
        watchTls({ files, logger: shared.logger, use: "endpoint", expiry, changed });
      }
      return gateway;
    }
  }
}
