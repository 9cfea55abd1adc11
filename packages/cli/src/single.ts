import { resolve } from "node:path";
import { MemoryIndexes, volatileDisk } from "@millrace/storage";
import { errorMessage, MIB, realWorld } from "@millrace/util";
import { isAlive, readClusterFile, removeClusterFile, writeClusterFile } from "./launcher/cluster-file.ts";
import { type NodeKind, runNode, type StartedNode } from "./node.ts";
import { peerTlsOf } from "./peer-tls-options.ts";
import { type NodeOptions, ROLES } from "./roles.ts";
import { declareStreams } from "./streams/declare-streams.ts";
import type { StreamDeclaration } from "./streams/stream-declarations.ts";

export interface SingleOptions extends Omit<NodeOptions, "roles" | "controllers"> {
  /** Keep nothing on disk. */
  readonly memory: boolean;
  readonly memoryLimitMib: number;
  readonly region: string;
  readonly streams: readonly StreamDeclaration[];
}

export const SINGLE_LISTEN = "127.0.0.1:4567";
const READY_POLL_MS = 10;

/** Everything in one process with one copy of each record, for laptops and tests. Returns the exit status. */
export function runSingle(options: SingleOptions): Promise<number> {
  const { memory } = options;
  const dataDir = resolve(options.dataDir);
  const world = memory
    ? { ...realWorld(), disk: volatileDisk({ capacityBytes: options.memoryLimitMib * MIB }) }
    : realWorld();
  const kind: NodeKind = {
    usesDisk: !memory,
    surroundings: { world, replicationFactor: 1, ...(memory ? { index: new MemoryIndexes() } : {}) },
    begin: (logger) => {
      const keeps = memory ? "its data is in memory and ends with the process" : `its data is in ${options.dataDir}`;
      logger.warn(`NOT REPLICATED: one process holds the only copy of every record; ${keeps}`);
      if (!memory) checkFolder(dataDir);
    },
    started: async (node, signal) => {
      await serveFirstPut(node, signal);
      if (options.streams.length > 0) {
        const controller = node.roles.get("controller")?.address ?? "";
        const { streams, accountId, region } = options;
        const { logger, nodeCredentials } = node;
        const version = await declareStreams({
          ...{ world, logger, controllers: [controller], accountId, region, streams, signal, nodeCredentials },
        });
        await until(() => (node.roles.get("gateway")?.metadataVersion?.() ?? 0) >= version, signal);
      }
      if (signal.aborted) return;
      publish(dataDir, options, node);
      const kept = memory ? "nothing is kept" : `data in ${options.dataDir}`;
      console.log(`ready: ${endpointOf(options, node)}  (not replicated, ${kept})`);
    },
    stopped: () => {
      if (memory) removeClusterFile(dataDir, process.pid);
    },
  };
  const controllers = new Map([[options.id, "127.0.0.1:0"]]);
  return runNode({ ...options, dataDir: memory ? "/volatile" : dataDir, roles: ROLES, controllers }, kind);
}

/** @throws Error when it belongs to a replicated cluster, or to a process that runs */
function checkFolder(dataDir: string): void {
  const before = readClusterFile(dataDir);
  if (before === undefined) return;
  if (before.mode !== "single") {
    throw new Error(`${dataDir} holds a replicated cluster: start it with \`millrace up\`, or give another --data-dir`);
  }
  if (isAlive(before.launcherPid) && before.launcherPid !== process.pid) {
    throw new Error(`${dataDir} is in use by process ${before.launcherPid}: stop it, or give another --data-dir`);
  }
}

async function serveFirstPut(node: StartedNode, signal: AbortSignal): Promise<void> {
  await until(() => node.readiness().ready, signal);
}

async function until(condition: () => boolean, signal: AbortSignal): Promise<void> {
  while (!condition() && !signal.aborted) await new Promise((done) => setTimeout(done, READY_POLL_MS));
}

function endpointOf({ tlsCertificate }: SingleOptions, { roles }: StartedNode): string {
  return `${tlsCertificate === undefined ? "http" : "https"}://${roles.get("gateway")?.address}`;
}

/** For `millrace status`. */
function publish(dataDir: string, options: SingleOptions, node: StartedNode): void {
  const { id, az, memory } = options;
  const before = memory ? readClusterFile(dataDir) : undefined;
  if (before !== undefined && (before.inMemory !== true || isAlive(before.launcherPid))) {
    node.logger.info({ dataDir }, "`millrace status` of this folder tells of another cluster");
    return;
  }
  const endpoint = endpointOf(options, node);
  const nodes = [...node.roles].map(([role, { address }]) => ({
    ...{ id, role, az, pid: process.pid, address, adminAddress: node.adminAddress },
  }));
  try {
    writeClusterFile(dataDir, {
      endpoint,
      launcherPid: process.pid,
      mode: "single",
      inMemory: memory,
      nodes,
      ...peerTlsOf(options),
    });
  } catch (error) {
    // A read-only file system is no reason not to keep things in memory.
    if (!memory) throw error;
    node.logger.info({ error: errorMessage(error) }, "`millrace status` will not find this process");
  }
}
