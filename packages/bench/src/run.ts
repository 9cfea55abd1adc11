import { LocalCluster } from "@millrace/e2e";
import type { Figure } from "./report.ts";
import { failover } from "./workloads/failover.ts";
import { idle } from "./workloads/idle.ts";
import { putLatency } from "./workloads/put-latency.ts";
import { putThroughput } from "./workloads/put-throughput.ts";
import { readThroughput } from "./workloads/read-throughput.ts";

export interface BenchOptions {
  /** Of each throughput measurement. */
  readonly seconds: number;
  readonly failoverRounds: number;
  readonly idleShards: number;
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
    progress("idle");
    figures.push(...(await idle(cluster, 4, seconds)));
    progress("latency");
    figures.push(...(await putLatency(cluster, 100, seconds)));
    progress("throughput");
    for (const through of ["raw HTTP", "SDK"] as const) {
      for (const sizeBytes of [100, 1_024]) {
        const load = { seconds, inFlight: 8 };
        figures.push(...(await putThroughput(cluster, { count: 500, sizeBytes }, through, load)));
      }
    }
    progress("reads");
    figures.push(...(await readThroughput(cluster, "put-500-1024-raw", seconds)));
    progress("failover");
    figures.push(...(await failover(cluster, options.failoverRounds)));
    progress("idle with many shards");
    figures.push(...(await idle(cluster, options.idleShards, seconds)));
  } finally {
    await cluster.destroy();
  }
  return figures;
}
