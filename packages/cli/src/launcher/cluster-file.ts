import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolders } from "../folders.ts";
import type { PeerTlsOptions } from "../peer-tls-options.ts";

/** What `millrace up` and `start --single` write into their data folder, and what `status` and scripts read. */
export interface ClusterFile {
  readonly endpoint: string;
  readonly launcherPid: number;
  /** "single": one process, one copy of each record. Absent: a replicated cluster. */
  readonly mode?: "single";
  /** Single: nothing is on disk but this file. */
  readonly inMemory?: boolean;
  readonly nodes: readonly ClusterNode[];
  /** Where the nodes' mutual TLS comes from: `status` and the like use it unless they are given another. */
  readonly peerTls?: PeerTlsOptions;
}

export type NodeRole = "controller" | "broker" | "gateway";

export interface ClusterNode {
  readonly id: string;
  readonly role: NodeRole;
  readonly az: string;
  /** 0 while the process is not running. */
  readonly pid: number;
  /** host:port of the service: gRPC for controllers and brokers, HTTP for the gateway. */
  readonly address: string;
  /** host:port of /metrics, /healthz and /readyz. */
  readonly adminAddress: string;
}

export const DEFAULT_DATA_DIRECTORY = ".millrace";
const FILE_NAME = "cluster.json";

/** Undefined when there is none. @throws Error in words for people when it is there and cannot be read */
export function readClusterFile(dataDir: string): ClusterFile | undefined {
  const path = join(dataDir, FILE_NAME);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as ClusterFile;
  } catch (error) {
    throw new Error(`${path} is broken (${(error as Error).message}): remove it, and start the cluster again`);
  }
}

/** @throws Error in words for people when there never was one */
export function clusterFileOf(dataDir: string): ClusterFile {
  const file = readClusterFile(dataDir);
  if (file === undefined) throw new Error(`no cluster in ${dataDir}: start one with \`millrace up\``);
  return file;
}

/** One for each process: the roles of a single one have the admin address in common. */
export function processesOf({ nodes }: ClusterFile): readonly ClusterNode[] {
  return nodes.filter(({ adminAddress }, at) => nodes.findIndex((other) => other.adminAddress === adminAddress) === at);
}

export function writeClusterFile(dataDir: string, file: ClusterFile): void {
  makeFolders(dataDir);
  const path = join(dataDir, FILE_NAME);
  writeFileSync(`${path}.tmp`, `${JSON.stringify(file, undefined, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}

/** Unless it is another process's by now. */
export function removeClusterFile(dataDir: string, launcherPid: number): void {
  if (readClusterFile(dataDir)?.launcherPid === launcherPid) rmSync(join(dataDir, FILE_NAME));
}

export function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
