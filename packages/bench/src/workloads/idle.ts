import { type LocalCluster } from "@millrace/e2e";
import { createStream } from "@millrace/verifier";
import { usageOf } from "../process-usage.ts";
import type { Figure } from "../report.ts";

/** A thousand shards on a busy machine. */
const MADE_WITHIN_MS = 120_000;

/** What a cluster costs that has `shards` shards and nothing to do. */
export async function idle(cluster: LocalCluster, shards: number, seconds: number): Promise<Figure[]> {
  await createStream(cluster.client(), `idle-${shards}`, shards, MADE_WITHIN_MS);
  await cluster.healthy(MADE_WITHIN_MS);
  await new Promise((resolve) => setTimeout(resolve, 3_000)); // what creation left to do
  const nodes = cluster.nodes();
  const before = nodes.map((node) => usageOf(node.pid));
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const figures: Figure[] = [];
  for (const role of ["controller", "broker", "gateway"] as const) {
    let cpu = 0;
    let memory = 0;
    for (const [index, node] of nodes.entries()) {
      if (node.role !== role) continue;
      const now = usageOf(node.pid);
      cpu = Math.max(cpu, ((now.cpuSeconds - (before[index]?.cpuSeconds ?? 0)) / seconds) * 100);
      memory = Math.max(memory, now.rssMb);
    }
    const workload = `Idle with ${shards} shards`;
    figures.push({ workload, figure: `${role}, highest CPU`, value: cpu, unit: "% of a core" });
    figures.push({ workload, figure: `${role}, highest memory`, value: memory, unit: "MB" });
  }
  return figures;
}
