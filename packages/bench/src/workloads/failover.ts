import { eventually, type LocalCluster } from "@millrace/e2e";
import { createStream } from "@millrace/verifier";
import { putRecordsBody, RawKinesis } from "../raw-http.ts";
import { randomBytes } from "node:crypto";
import type { Figure } from "../report.ts";

/** SIGKILL of the broker that leads, under load: how long until every shard takes puts again. */
export async function failover(cluster: LocalCluster, rounds: number): Promise<Figure[]> {
  const stream = "failover";
  await createStream(cluster.client(), stream, 4);
  const gaps: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await cluster.healthy();
    const status = await cluster.status();
    const brokers = status.nodes.filter((node) => node.role === "broker");
    const victim = brokers.reduce((most, node) => ((node.leaders ?? 0) > (most.leaders ?? 0) ? node : most));
    gaps.push(await longestGap(cluster, stream, victim.id));
  }
  gaps.sort((a, b) => a - b);
  const workload = `SIGKILL of a leading broker (${rounds} rounds)`;
  return [
    { workload, figure: "puts stand still, median", value: gaps[Math.floor(gaps.length / 2)] ?? 0, unit: "ms" },
    { workload, figure: "puts stand still, worst", value: gaps.at(-1) ?? 0, unit: "ms" },
  ];
}

async function longestGap(cluster: LocalCluster, stream: string, victim: string): Promise<number> {
  const raw = new RawKinesis(cluster.port, 1);
  // Every request touches every shard, so that a stalled one shows.
  const body = putRecordsBody(stream, 40, 100, () => randomBytes(100));
  let worst = 0;
  let done = 0;
  let stop = false;
  const writer = (async () => {
    while (!stop) {
      const startedAt = performance.now();
      const answer = await raw.call("PutRecords", body);
      if (!answer.includes('"FailedRecordCount":0')) throw new Error("a record failed during failover");
      worst = Math.max(worst, performance.now() - startedAt);
      done++;
    }
  })();
  await eventually(() => done > 20, 10_000);
  worst = 0;
  const { pid } = cluster.node(victim);
  cluster.signal(victim, "SIGKILL");
  const before = done;
  await eventually(() => done > before + 50, 20_000);
  stop = true;
  await writer;
  await eventually(() => ![0, pid].includes(cluster.node(victim).pid), 20_000);
  raw.close();
  return worst;
}
