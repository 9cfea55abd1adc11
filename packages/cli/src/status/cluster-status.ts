import { drainProgress } from "../brokers/brokers.ts";
import type { ClusterStatus as ControllerStatus, NodeCredentials, NodeStatus } from "@millrace/proto";
import type { StreamFaultsSummary } from "../faults/faults.ts";
import { errorMessage } from "@millrace/util";
import { credentialsFor } from "../peer-tls.ts";
import { withControllers } from "../reach-controllers.ts";
import type { PeerTlsOptions } from "../peer-tls-options.ts";
import { type ClusterNode, isAlive, readClusterFile } from "../launcher/cluster-file.ts";

/** On a machine with too much to do this program is slow as well. */
const PROBE_TIMEOUT_MS = 2_500;
const CONTROLLER_TIMEOUT_MS = 2_000;

/** `up`: ready for its work; `starting`: alive, not ready; `unresponsive`: runs but does not answer; `down`: no process. */
export type NodeState = "up" | "starting" | "unresponsive" | "down";

export interface NodeSummary {
  readonly id: string;
  readonly role: string;
  readonly az: string;
  readonly pid: number;
  readonly address: string;
  readonly state: NodeState;
  /** Controllers: is it the leader. */
  readonly leader?: boolean;
  /** Brokers: shards led and hosted. */
  readonly leaders?: number;
  readonly replicas?: number;
  /** A broker that drains: how far it is. */
  readonly drain?: string;
  /** What a broker that is up suffers from. */
  readonly problems?: readonly string[];
  /** Why it is not up. */
  readonly reasons?: readonly string[];
}

export interface ClusterSummary {
  /** Of a cluster on this machine. */
  readonly endpoint?: string;
  /** "single": one process holds the only copy of everything. */
  readonly mode: "replicated" | "single";
  /** Nothing is on disk: it ends with the process. */
  readonly inMemory?: boolean;
  readonly nodes: readonly NodeSummary[];
  readonly streams: number;
  readonly underReplicatedShards: number;
  readonly leaderlessShards: number;
  /** Of the streams whose users rehearse faults (`millrace faults`). */
  readonly faults: readonly StreamFaultsSummary[];
  /** Set when the controllers could not be asked: the figures above are then 0. */
  readonly problem?: string;
}

/** Of the local cluster whose launcher wrote into `dataDir`; undefined when there never was one. */
export async function clusterStatus(dataDir: string, tls: PeerTlsOptions = {}): Promise<ClusterSummary | undefined> {
  const file = readClusterFile(dataDir);
  if (file === undefined) return undefined;
  const [states, answer] = await Promise.all([
    Promise.all(file.nodes.map(stateOf)),
    askControllers(addressesOf(file.nodes), () => credentialsFor(tls, file)),
  ]);
  const known = typeof answer === "string" ? undefined : answer;
  const nodes = file.nodes.map((node, index): NodeSummary => {
    const { state, reasons } = states[index] ?? { state: "down", reasons: [] };
    const seen = known?.nodes.find((candidate) => candidate.id === node.id && candidate.role === node.role);
    return {
      id: node.id,
      role: node.role,
      az: node.az,
      pid: node.pid,
      address: node.address,
      state,
      ...(seen === undefined ? {} : ofNode(seen, known?.nodes ?? [])),
      ...(reasons.length > 0 ? { reasons } : {}),
    };
  });
  return {
    endpoint: file.endpoint,
    mode: file.mode ?? "replicated",
    ...(file.inMemory === true ? { inMemory: true } : {}),
    nodes,
    ...fromControllers(answer),
  };
}

/** What only the controllers know of a node. */
export function ofNode(seen: NodeStatus, all: readonly NodeStatus[]): Partial<NodeSummary> {
  return {
    ...(seen.role === "controller" ? { leader: seen.state === "leader" } : {}),
    ...(seen.role === "broker" ? { leaders: seen.leaders, replicas: seen.replicas } : {}),
    ...(seen.state === "draining" ? { drain: drainProgress(seen, all) } : {}),
    ...(seen.problems.length > 0 ? { problems: seen.problems } : {}),
  };
}

/** `answer` as of `askControllers`. */
export function fromControllers(answer: ControllerStatus | string): Omit<ClusterSummary, "nodes" | "mode"> {
  const known = typeof answer === "string" ? undefined : answer;
  return {
    streams: known?.streams ?? 0,
    underReplicatedShards: known?.underReplicatedShards ?? 0,
    leaderlessShards: known?.leaderlessShards ?? 0,
    faults: known?.streamFaults.flatMap(summaryOf) ?? [],
    ...(typeof answer === "string" ? { problem: answer } : {}),
  };
}

function summaryOf({ key, faults }: ControllerStatus["streamFaults"][number]): StreamFaultsSummary[] {
  if (key === null || faults === null) return [];
  return [{ stream: key.name, accountId: key.accountId, region: key.region, faults }];
}

export function isHealthy(status: ClusterSummary): boolean {
  if (status.problem !== undefined || status.underReplicatedShards > 0 || status.leaderlessShards > 0) return false;
  return status.nodes.every((node) => node.state === "up");
}

async function stateOf(node: ClusterNode): Promise<{ state: NodeState; reasons: readonly string[] }> {
  if (!isAlive(node.pid)) return { state: "down", reasons: ["no process"] };
  try {
    const response = await fetch(`http://${node.adminAddress}/readyz`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    const body = (await response.json()) as { node?: string; reasons?: readonly string[] };
    if (body.node !== node.id)
      return { state: "starting", reasons: [`its port answers for ${body.node ?? "something else"}`] };
    return { state: response.ok ? "up" : "starting", reasons: body.reasons ?? [] };
  } catch (error) {
    const timedOut = (error as Error).name === "TimeoutError";
    return timedOut
      ? { state: "unresponsive", reasons: [`no answer within ${PROBE_TIMEOUT_MS} ms`] }
      : { state: "starting", reasons: [errorMessage(error)] };
  }
}

const addressesOf = (nodes: readonly ClusterNode[]): string[] =>
  nodes.filter((node) => node.role === "controller").map((node) => node.address);

/** @returns words for people when none of them answers */
export async function askControllers(
  controllers: readonly string[],
  findCredentials: () => NodeCredentials | undefined,
): Promise<ControllerStatus | string> {
  try {
    const target = { controllers, nodeCredentials: findCredentials() };
    return await withControllers(target, (connection) => connection.status({ timeoutMs: CONTROLLER_TIMEOUT_MS }));
  } catch (error) {
    return `the controllers did not answer: ${errorMessage(error)}`;
  }
}
