import { readFileSync } from "node:fs";
import { errorMessage, failpointsOf, type Logger, makeLogger, realWorld, type Tracer } from "@millrace/util";
import { Registry } from "prom-client";
import { type AdminServer, type Readiness, startAdminServer } from "./admin-server.ts";
import { splitAddress } from "./addresses.ts";
import { makeFolders } from "./folders.ts";
import type { NodeCredentials } from "@millrace/proto";
import { checkTogether } from "./check-together.ts";
import { name } from "./options.ts";
import { peerTlsFiles } from "./peer-tls-options.ts";
import { certificateExpiry } from "./tls-files.ts";
import { type NodeOptions, type Role, ROLES, type RunningRole, startRole, type Surroundings } from "./roles.ts";

const STOP_GRACE_MS = 8_000;

/** What a kind of node does beside its roles. */
export interface NodeKind {
  readonly surroundings?: Partial<Surroundings>;
  /** False: nothing of it is on disk. */
  readonly usesDisk?: boolean;
  /** Before anything is started; the first line of the log is its. @throws Error to refuse */
  begin?(logger: Logger): void;
  /** When all roles run. Aborted when the node is stopped meanwhile. @throws Error to stop the node */
  started?(node: StartedNode, signal: AbortSignal): Promise<void>;
  stopped?(): void;
}

export interface StartedNode {
  readonly logger: Logger;
  readonly adminAddress: string;
  readonly roles: ReadonlyMap<Role, RunningRole>;
  readonly nodeCredentials: NodeCredentials | undefined;
  readiness(): Readiness;
}

/** Runs one or several roles in this process until a signal; returns the exit status. @throws Error for options that do not fit */
export async function runNode(given: NodeOptions, kind: NodeKind = {}): Promise<number> {
  const options = given.azFile === undefined ? given : { ...given, az: readZone(given.azFile) };
  checkTogether(options);
  const logger = makeLogger({ node: options.id }, options.logLevel);
  const registry = new Registry();
  registry.setDefaultLabels({ node: options.id, az: options.az });
  const running = new Map<Role, RunningRole>();
  let onFatal: (error: Error) => void = () => {};
  const fatal = new Promise<never>((_, reject) => {
    onFatal = reject;
  });
  const stop = new AbortController();
  const stopped = stopSignal();
  const readiness = (): Readiness => {
    const isStarting = running.size < options.roles.length;
    const reasons = isStarting ? ["starting"] : [...running.values()].flatMap((role) => role.ready().reasons);
    const version = running.get("gateway")?.metadataVersion?.();
    return { ready: reasons.length === 0, reasons, ...(version === undefined ? {} : { metadataVersion: version }) };
  };
  let admin: AdminServer | undefined;
  let tracing: Tracing | undefined;
  let status = 0;
  try {
    kind.begin?.(logger);
    if (kind.usesDisk !== false) makeFolders(options.dataDir);
    admin = await startAdminServer(options.id, splitAddress(options.adminListen), registry, readiness);
    tracing = await startTracing(options, logger);
    const expiry = certificateExpiry(registry);
    const peerFiles = peerTlsFiles(options);
    const nodeCredentials =
      peerFiles === undefined
        ? undefined
        : (await import("./peer-tls.ts")).watchNodeCredentials(peerFiles, logger, expiry);
    const surroundings: Surroundings = {
      ...{ world: realWorld(), logger, registry, onFatal, certificateExpiry: expiry },
      ...(nodeCredentials === undefined ? {} : { nodeCredentials }),
      ...(tracing === undefined ? {} : { tracer: tracing.tracer }),
      ...kind.surroundings,
    };
    // For tests: it kills itself where it is told to.
    const failpoint = failpointsOf(process.env.MILLRACE_FAILPOINTS);
    const world = { ...surroundings.world, failpoint };
    await startRoles(options, { ...surroundings, world }, running);
    const addresses = [...running.values()].map((role) => role.address);
    logger.info({ roles: options.roles, addresses }, "started");
    const node: StartedNode = { logger, adminAddress: admin.address, roles: running, nodeCredentials, readiness };
    const started = kind.started?.(node, stop.signal) ?? Promise.resolve();
    const reason = await Promise.race([stopped, fatal, started.then(() => stopped)]);
    logger.info({ reason }, "stopping");
  } catch (error) {
    logger.fatal({ error: errorMessage(error), cause: causeOf(error) }, "stopped by an error");
    status = 1;
  }
  stop.abort();
  await closeAll([...running.values()], logger);
  await tracing?.close();
  await admin?.close();
  kind.stopped?.();
  return status;
}

function readZone(file: string): string {
  try {
    return name(readFileSync(file, "utf8").trim());
  } catch (error) {
    throw new Error(`--az-file ${file}: ${errorMessage(error)}`, { cause: error });
  }
}

interface Tracing {
  readonly tracer: Tracer;
  close(): Promise<void>;
}

/** Undefined unless asked for. */
async function startTracing(options: NodeOptions, logger: Logger): Promise<Tracing | undefined> {
  const { otlpEndpoint: endpoint, otlpSample: sampleShare, id: nodeId, az, roles } = options;
  if (endpoint === undefined) return undefined;
  const { OtlpExporter } = await import("./tracing/otlp-exporter.ts");
  const { OtlpTracer } = await import("./tracing/otlp-tracer.ts");
  const service = roles.length === 1 ? `millrace-${roles[0]}` : "millrace";
  const exporter = new OtlpExporter({ endpoint, service, nodeId, az, logger });
  return { tracer: new OtlpTracer({ exporter, sampleShare }), close: () => exporter.close() };
}

/** A controller that is alone may take any port: the others in this process are told which. */
async function startRoles(
  options: NodeOptions,
  surroundings: Surroundings,
  running: Map<Role, RunningRole>,
): Promise<void> {
  let { controllers } = options;
  for (const role of ROLES) {
    if (!options.roles.includes(role)) continue;
    const started = await startRole(role, { ...options, controllers }, surroundings);
    running.set(role, started);
    if (role === "controller" && controllers.size === 1) controllers = new Map([[options.id, started.address]]);
  }
}

/** In the reverse order: what takes requests stops before what serves them. */
async function closeAll(running: readonly RunningRole[], logger: Logger): Promise<void> {
  for (const role of running.toReversed()) {
    try {
      await role.close({ graceMs: STOP_GRACE_MS });
    } catch (error) {
      logger.error({ error: errorMessage(error) }, "a role did not close cleanly");
    }
  }
}

function stopSignal(): Promise<string> {
  return new Promise((done) => {
    process.once("SIGINT", () => done("SIGINT"));
    process.once("SIGTERM", () => done("SIGTERM"));
    // The launcher's leash: it is gone, by whatever death.
    process.once("disconnect", () => done("the launcher is gone"));
  });
}

function causeOf(error: unknown): string | undefined {
  return error instanceof Error && error.cause !== undefined ? errorMessage(error.cause) : undefined;
}
