import { LocalCluster } from "@millrace/e2e";
import type { Figure } from "./report.ts";
import type { Profiles } from "./profile/profile.ts";
import { controlPlane } from "./workloads/control-plane.ts";
import { failover } from "./workloads/failover.ts";
import { hops } from "./workloads/hops.ts";
import { idle } from "./workloads/idle.ts";
import { overload } from "./workloads/overload.ts";
import { propagation } from "./workloads/propagation.ts";
import { putLatency } from "./workloads/put-latency.ts";
import { type Endpoint, putThroughput } from "./workloads/put-throughput.ts";
import { readThroughput } from "./workloads/read-throughput.ts";
import { refill } from "./workloads/refill.ts";
import { scaleOut } from "./workloads/scale-out.ts";
import { manyShards } from "./workloads/shards.ts";

export interface BenchOptions {
  /** Of each throughput measurement. */
  readonly seconds: number;
  readonly failoverRounds: number;
  readonly idleShards: number;
  /** Of the clusters that have nothing but many shards. */
  readonly shardCounts: readonly number[];
  /** Of the refill's data. */
  readonly refillMegabytes: number;
  /** Names of workloads; all when empty. */
  readonly only: readonly string[];
  /** Of the cluster that the workloads have in common. */
  readonly profiles: Profiles | undefined;
  readonly progress: (workload: string) => void;
}

const IDLE_SECONDS_OF_MANY_SHARDS = 30;

/** The workloads, all processes on this machine: on one cluster, or on one of their own. */
export async function runBench(options: BenchOptions): Promise<Figure[]> {
  const { seconds, only, progress } = options;
  const apart: Record<string, () => Promise<Figure[]>> = {
    "control-plane": () => Promise.resolve(controlPlane()),
    hops: () => hops(seconds),
    // Takes many minutes: only when it is asked for by its name.
    shards: () => manyShardCounts(only.includes("shards") ? options.shardCounts : [], seconds),
  };
  const figures = only.length > 0 && only.every((name) => name in apart) ? [] : await runOnOne(options);
  for (const [name, run] of Object.entries(apart)) {
    if (only.length > 0 && !only.includes(name)) continue;
    progress(name);
    figures.push(...(await run()));
  }
  return figures;
}

async function manyShardCounts(counts: readonly number[], seconds: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const shards of counts) figures.push(...(await manyShards(shards, seconds, IDLE_SECONDS_OF_MANY_SHARDS)));
  return figures;
}

async function runOnOne(options: BenchOptions): Promise<Figure[]> {
  const { seconds, progress, profiles } = options;
  const figures: Figure[] = [];
  const start = (): Promise<LocalCluster> => LocalCluster.start("--quotas", "off");
  const cluster = await (profiles === undefined ? start() : profiles.started(start));
  try {
    figures.push({
      workload: "Start-up",
      figure: "program start to ready line",
      value: cluster.startupMs / 1_000,
      unit: "s",
    });
    const workloads: Record<string, () => Promise<Figure[]>> = {
      idle: () => idle(cluster, 4, seconds),
      latency: () => putLatency(cluster, 100, seconds),
      throughput: () => allThroughputs(cluster, seconds),
      reads: () => readThroughput(cluster, "put-500-1024-raw", seconds),
      propagation: async () => [
        ...(await propagation(cluster, 100, 1, seconds)),
        ...(await propagation(cluster, 100, 5, seconds)),
      ],
      failover: () => failover(cluster, options.failoverRounds),
      refill: () => refill(cluster, options.refillMegabytes),
      "scale-out": () => scaleOut(cluster, seconds),
      overload: () => overload(cluster, seconds),
      "idle with many shards": () => idle(cluster, options.idleShards, seconds),
    };
    for (const [name, run] of Object.entries(workloads)) {
      if (options.only.length > 0 && !options.only.includes(name)) continue;
      progress(name);
      if (profiles === undefined) figures.push(...(await run()));
      else figures.push(...(await profiles.of(name, cluster, run)));
    }
  } finally {
    await cluster.destroy();
  }
  return figures;
}

/** Of all its processes. */
export function endpointOf(cluster: LocalCluster): Endpoint {
  return {
    port: cluster.port,
    client: () => cluster.client(),
    pids: () => cluster.nodes().map((node) => node.pid),
  };
}

async function allThroughputs(cluster: LocalCluster, seconds: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const through of ["raw HTTP", "SDK"] as const) {
    for (const sizeBytes of [100, 1_024]) {
      const load = { seconds, inFlight: 8 };
      figures.push(...(await putThroughput(endpointOf(cluster), { count: 500, sizeBytes }, through, load)));
    }
  }
  return figures;
}
