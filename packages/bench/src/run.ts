import { LocalCluster } from "@millrace/e2e";
import type { Figure } from "./report.ts";
import { failover } from "./workloads/failover.ts";
import { idle } from "./workloads/idle.ts";
import { putLatency } from "./workloads/put-latency.ts";
import { putThroughput } from "./workloads/put-throughput.ts";
import { readThroughput } from "./workloads/read-throughput.ts";
import { refill } from "./workloads/refill.ts";

export interface BenchOptions {
  /** Of each throughput measurement. */
  readonly seconds: number;
  readonly failoverRounds: number;
  readonly idleShards: number;
  /** Of the refill's data. */
  readonly refillMegabytes: number;
  /** Names of workloads; all when empty. */
  readonly only: readonly string[];
  readonly progress: (workload: string) => void;
}

/** Every workload on one cluster of real processes, all on this machine. */
export async function runBench(options: BenchOptions): Promise<Figure[]> {
  const { seconds, progress } = options;
  const figures: Figure[] = [];
  const cluster = await LocalCluster.start("--quotas", "off");
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
      failover: () => failover(cluster, options.failoverRounds),
      refill: () => refill(cluster, options.refillMegabytes),
      "idle with many shards": () => idle(cluster, options.idleShards, seconds),
    };
    for (const [name, run] of Object.entries(workloads)) {
      if (options.only.length > 0 && !options.only.includes(name)) continue;
      progress(name);
      figures.push(...(await run()));
    }
  } finally {
    await cluster.destroy();
  }
  return figures;
}

async function allThroughputs(cluster: LocalCluster, seconds: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const through of ["raw HTTP", "SDK"] as const) {
    for (const sizeBytes of [100, 1_024]) {
      const load = { seconds, inFlight: 8 };
      figures.push(...(await putThroughput(cluster, { count: 500, sizeBytes }, through, load)));
    }
  }
  return figures;
}
