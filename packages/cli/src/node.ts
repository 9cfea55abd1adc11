import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { errorMessage, type Logger, makeLogger, realWorld } from "@millrace/util";
import { Registry } from "prom-client";
import { type AdminServer, type Readiness, startAdminServer } from "./admin-server.ts";
import { isLoopback, splitAddress } from "./addresses.ts";
import { watchCredentials } from "./credentials.ts";

export type Role = "controller" | "broker" | "gateway";

export interface NodeOptions {
  readonly roles: readonly Role[];
  readonly id: string;
  readonly az: string;
  /** Holds the zone, instead of `az`. */
  readonly azFile?: string;
  readonly listen: string;
  readonly advertise?: string;
  readonly adminListen: string;
  readonly dataDir: string;
  readonly controllers: ReadonlyMap<string, string>;
  readonly quotas: "aws" | "off";
  readonly credentials?: string;
  readonly insecure: boolean;
  readonly accountId: string;
  readonly logLevel: string;
}

interface RunningRole {
  readonly address: string;
  ready(): Readiness;
  close(options: { graceMs: number }): Promise<void>;
}

const STOP_GRACE_MS = 8_000;

/** Runs one or several roles in this process until a signal; returns the exit status. */
export async function runNode(given: NodeOptions): Promise<number> {
  const options = given.azFile === undefined ? given : { ...given, az: readFileSync(given.azFile, "utf8").trim() };
  const logger = makeLogger({ node: options.id }, options.logLevel);
  const registry = new Registry();
  registry.setDefaultLabels({ node: options.id, az: options.az });
  const running: RunningRole[] = [];
  let onFatal: (error: Error) => void = () => {};
  const fatal = new Promise<never>((_, reject) => {
    onFatal = reject;
  });
  const readiness = (): Readiness => {
    const reasons =
      running.length < options.roles.length ? ["starting"] : running.flatMap((role) => role.ready().reasons);
    return { ready: reasons.length === 0, reasons };
  };
  let admin: AdminServer | undefined;
  try {
    mkdirSync(resolve(options.dataDir), { recursive: true });
    admin = await startAdminServer(options.id, splitAddress(options.adminListen), registry, readiness);
    for (const role of options.roles) running.push(await startRole(role, options, logger, registry, onFatal));
    logger.info({ roles: options.roles, addresses: running.map((role) => role.address) }, "started");
    const reason = await Promise.race([stopSignal(), fatal]);
    logger.info({ reason }, "stopping");
    await closeAll(running, logger);
    await admin.close();
    return 0;
  } catch (error) {
    logger.fatal({ error: errorMessage(error), cause: causeOf(error) }, "stopped by an error");
    await admin?.close();
    return 1;
  }
}

/** In the reverse order: what takes requests stops before what serves them. */
async function closeAll(running: readonly RunningRole[], logger: Logger): Promise<void> {
  for (const role of [...running].reverse()) {
    try {
      await role.close({ graceMs: STOP_GRACE_MS });
    } catch (error) {
      logger.error({ error: errorMessage(error) }, "a role did not close cleanly");
    }
  }
}

async function startRole(
  role: Role,
  options: NodeOptions,
  logger: Logger,
  registry: Registry,
  onFatal: (error: Error) => void,
): Promise<RunningRole> {
  const world = realWorld();
  const common = { world, logger, registry, listen: options.listen, onFatal };
  const controllers = [...options.controllers.values()];
  const placed = {
    ...common,
    az: options.az,
    ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
  };
  // A role's code is loaded by the processes that have it: start-up is mostly loading code.
  switch (role) {
    case "controller": {
      const { startController } = await import("@millrace/controller");
      return startController({
        ...placed,
        controllerId: options.id,
        dataDir: join(options.dataDir, "controller"),
        peers: options.controllers,
        initialSettings: { quotas: options.quotas },
      });
    }
    case "broker": {
      const { startBroker } = await import("@millrace/broker");
      return startBroker({ ...placed, brokerId: options.id, dataDir: join(options.dataDir, "broker"), controllers });
    }
    case "gateway": {
      const { host } = splitAddress(options.listen);
      if (!isLoopback(host) && options.credentials === undefined && !options.insecure) {
        throw new Error(
          `refusing to listen on ${options.listen} with any credentials accepted: give --credentials FILE, or --insecure`,
        );
      }
      const { startGateway } = await import("@millrace/gateway");
      const credentials = options.credentials === undefined ? undefined : watchCredentials(options.credentials, logger);
      return startGateway({
        ...common,
        controllers,
        defaultAccountId: options.accountId,
        ...(credentials === undefined ? {} : { credentials }),
      });
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
