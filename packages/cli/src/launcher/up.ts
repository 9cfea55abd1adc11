import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { claimPort, errorMessage, isPortFree, type Logger, makeLogger, realWorld } from "@millrace/util";
import { makeFolders } from "../folders.ts";
import { operatorCredentials } from "../peer-tls.ts";
import { peerTlsOf, type PeerTlsOptions } from "../peer-tls-options.ts";
import { DEFAULT_ACCOUNT_ID } from "../roles.ts";
import { clusterStatus } from "../status/cluster-status.ts";
import type { StreamDeclaration } from "../streams/stream-declarations.ts";
import { type ClusterNode, isAlive, type NodeRole, readClusterFile, writeClusterFile } from "./cluster-file.ts";
import { NodeProcess } from "./supervisor.ts";
import { readZoneNetworks, type ZoneNetworks } from "./zone-networks.ts";

const HOST = "127.0.0.1";
const ZONES = ["az-a", "az-b", "az-c"] as const;
const READY_POLL_MS = 50;
const STOP_GRACE_MS = 10_000;

export interface UpOptions extends PeerTlsOptions {
  readonly port: number;
  readonly dataDir: string;
  readonly restart: boolean;
  readonly quotas: string;
  readonly logLevel: string;
  readonly region: string;
  readonly streams: readonly StreamDeclaration[];
  /** A file; see `readZoneNetworks`. */
  readonly zoneNetworks?: string;
}

/** The whole cluster as real processes on loopback. Returns the exit status once it has been told to stop. */
export async function up(options: UpOptions): Promise<number> {
  const dataDir = resolve(options.dataDir);
  // Files that are no good are said here, not by seven nodes that die of them again and again.
  operatorCredentials(options);
  const networks = readZoneNetworks(options.zoneNetworks);
  const logger = makeLogger({ node: "launcher" }, options.logLevel);
  makeFolders(join(dataDir, "logs"));
  const before = readClusterFile(dataDir);
  if (before !== undefined && isAlive(before.launcherPid) && before.launcherPid !== process.pid) {
    if (!(await isPortFree(Number(before.endpoint.split(":").at(-1))))) {
      console.error(
        `${dataDir} is in use by process ${before.launcherPid} (${before.endpoint}). Stop it, or give another --data-dir.`,
      );
      return 1;
    }
  }
  if (before?.mode === "single") {
    console.error(
      `${dataDir} holds the data of \`millrace start --single\`, which has one copy. Give another --data-dir.`,
    );
    return 1;
  }
  if (!(await isPortFree(options.port))) {
    console.error(`Port ${options.port} on ${HOST} is taken. Give another one with --port.`);
    return 1;
  }
  await waitForLeftovers(before?.nodes ?? []);

  const endpoint = `http://${HOST}:${options.port}`;
  const plans = await planNodes(options.port, before?.nodes ?? [], networks);
  const peerTls = peerTlsOf(options);
  const processes = new Map<string, NodeProcess>();
  const publish = (): void => {
    const nodes = plans.map((plan) => ({ ...plan, pid: processes.get(plan.id)?.pid ?? 0 }));
    writeClusterFile(dataDir, { endpoint, launcherPid: process.pid, nodes, ...peerTls });
  };
  const program = fileURLToPath(new URL("../../bin/millrace.mjs", import.meta.url));
  for (const plan of plans) {
    const node = new NodeProcess({
      id: plan.id,
      program,
      command: plan.role === "gateway" ? [] : (networks[plan.az]?.command ?? []),
      arguments: nodeArguments(plan, plans, dataDir, options),
      logFile: join(dataDir, "logs", `${plan.id}.log`),
      restart: options.restart,
      logger,
      onChange: publish,
    });
    processes.set(plan.id, node);
  }
  const stopped = new Promise<NodeJS.Signals>((done) => {
    process.once("SIGINT", done);
    process.once("SIGTERM", done);
  });
  for (const node of processes.values()) node.start();

  const controller = new AbortController();
  void stopped.then(() => controller.abort());
  let status = 0;
  try {
    if (await waitUntilReady(dataDir, controller.signal)) {
      await makeStreams(plans, options, logger, controller.signal);
      console.log(`ready: ${endpoint}  (data in ${options.dataDir})`);
    }
    await stopped;
  } catch (error) {
    if (!controller.signal.aborted) {
      console.error(errorMessage(error));
      status = 1;
    }
  }
  logger.info("stopping");
  // Writers first: the gateway finishes its requests while the brokers still answer.
  for (const role of ["gateway", "broker", "controller"] as const) {
    const ofRole = plans.filter((plan) => plan.role === role);
    await Promise.all(ofRole.map(async (plan) => processes.get(plan.id)?.stop(STOP_GRACE_MS)));
  }
  publish();
  return status;
}

/** And waits until the gateway knows them. @throws Error in words for people */
async function makeStreams(
  plans: readonly ClusterNode[],
  { streams, region, ...options }: UpOptions,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (streams.length === 0) return;
  const controllers = plans.filter(({ role }) => role === "controller").map(({ address }) => address);
  const { declareStreams } = await import("../streams/declare-streams.ts");
  const world = realWorld();
  const version = await declareStreams({
    ...{
      world,
      logger,
      controllers,
      accountId: DEFAULT_ACCOUNT_ID,
      region,
      streams,
      signal,
      nodeCredentials: operatorCredentials(options),
    },
  });
  for (const { adminAddress } of plans.filter(({ role }) => role === "gateway")) {
    while (!signal.aborted) {
      const response = await fetch(`http://${adminAddress}/readyz`, { signal });
      const { metadataVersion = 0 } = (await response.json()) as { metadataVersion?: number };
      if (metadataVersion >= version) break;
      await new Promise((done) => setTimeout(done, READY_POLL_MS));
    }
  }
}

/** The gateway is where its clients are. */
async function planNodes(port: number, before: readonly ClusterNode[], networks: ZoneNetworks): Promise<ClusterNode[]> {
  const taken = new Set([port]);
  const portOf = (address: string | undefined): number | undefined =>
    address === undefined ? undefined : Number(address.split(":").at(-1));
  const plan = async (id: string, role: NodeRole, az: string): Promise<ClusterNode> => {
    const old = before.find((node) => node.id === id);
    const own = role === "gateway" ? port : await claimPort(portOf(old?.address), taken);
    const admin = await claimPort(portOf(old?.adminAddress), taken);
    const host = role === "gateway" ? HOST : (networks[az]?.host ?? HOST);
    return { id, role, az, pid: 0, address: `${host}:${own}`, adminAddress: `${host}:${admin}` };
  };
  const plans: ClusterNode[] = [];
  for (const role of ["controller", "broker"] as const) {
    for (const [index, az] of ZONES.entries()) plans.push(await plan(`${role}-${index + 1}`, role, az));
  }
  plans.push(await plan("gateway-1", "gateway", ZONES[0]));
  return plans;
}

function nodeArguments(
  plan: ClusterNode,
  plans: readonly ClusterNode[],
  dataDir: string,
  options: UpOptions,
): readonly string[] {
  const controllers = plans.filter((node) => node.role === "controller");
  return [
    "start",
    ...["--role", plan.role, "--id", plan.id, "--az", plan.az],
    ...["--listen", plan.address, "--admin-listen", plan.adminAddress],
    ...["--data-dir", join(dataDir, plan.id), "--log-level", options.logLevel],
    ...["--controllers", controllers.map((node) => `${node.id}=${node.address}`).join(",")],
    ...["--quotas", options.quotas],
    ...peerTlsArguments(options),
  ];
}

function peerTlsArguments(options: PeerTlsOptions): string[] {
  const { peerTls } = peerTlsOf(options);
  if (peerTls === undefined) return [];
  const { peerCa = "", peerCertificate = "", peerKey = "" } = peerTls;
  return ["--peer-ca", peerCa, "--peer-certificate", peerCertificate, "--peer-key", peerKey];
}

/** Nodes of a launcher that was killed notice it and stop; their ports and files are ours only then. */
async function waitForLeftovers(nodes: readonly ClusterNode[]): Promise<void> {
  const deadline = performance.now() + STOP_GRACE_MS;
  while (performance.now() < deadline) {
    const busy = await Promise.all(nodes.map(async (node) => isAlive(node.pid) && !(await isFree(node.adminAddress))));
    if (!busy.includes(true)) return;
    await new Promise((done) => setTimeout(done, READY_POLL_MS));
  }
}

function isFree(address: string): Promise<boolean> {
  return isPortFree(Number(address.split(":").at(-1)));
}

/** True once the first put would succeed; false when told to stop before that. */
async function waitUntilReady(dataDir: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const status = await clusterStatus(dataDir);
    const serving =
      status !== undefined && status.leaderlessShards === 0 && status.nodes.every((n) => n.state === "up");
    if (serving) return true;
    await new Promise((done) => setTimeout(done, READY_POLL_MS));
  }
  return false;
}
