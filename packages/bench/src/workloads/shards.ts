import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { LocalCluster } from "@millrace/e2e";
import { createStream } from "@millrace/verifier";
import { usageOf } from "../process-usage.ts";
import { putRecordsBody, RawKinesis } from "../raw-http.ts";
import type { Figure } from "../report.ts";
import { runFor } from "./put-throughput.ts";

const SHARDS_PER_STREAM = 500;
const SETTLE_MS = 5_000;
const IN_FLIGHT = 8;
const RECORDS = 500;
const RECORD_BYTES = 1_024;
const READY_TIMEOUT_MS = 180_000;
const ROLES = ["controller", "broker", "gateway"] as const;

/** A cluster of its own with many shards: made, idle, written to over all of them, and started again. */
export async function manyShards(shards: number, seconds: number, idleSeconds: number): Promise<Figure[]> {
  const workload = `${shards} shards`;
  const figures: Figure[] = [];
  const add = (figure: string, value: number, unit: string): void => {
    figures.push({ workload, figure, value, unit });
  };
  const cluster = await LocalCluster.start("--quotas", "off");
  try {
    const streams: string[] = [];
    const makingSince = performance.now();
    for (let made = 0; made < shards; made += SHARDS_PER_STREAM) {
      const name = `many-${streams.length}`;
      await createStream(cluster.client(), name, Math.min(SHARDS_PER_STREAM, shards - made), READY_TIMEOUT_MS);
      streams.push(name);
    }
    add("made in", (performance.now() - makingSince) / 1_000, "s");
    await cluster.healthy(READY_TIMEOUT_MS);
    await pause(SETTLE_MS);
    await addIdle(cluster, idleSeconds, "idle after they were made", add);

    const before = cluster.nodes().map(({ pid }) => usageOf(pid).cpuSeconds);
    const { perSecond, records } = await putOverAll(cluster, streams, seconds);
    const after = cluster.nodes().map(({ pid }) => usageOf(pid).cpuSeconds);
    const cpuSeconds = after.reduce((sum, value, index) => sum + value - (before[index] ?? 0), 0);
    add("500 x 1 KB over all of a stream's shards", (perSecond * RECORD_BYTES) / 1e6, "MB/s");
    add("… CPU of all nodes", cpuSeconds / ((records * RECORD_BYTES) / 1e9), "s/GB");

    await cluster.stop();
    await cluster.launch(READY_TIMEOUT_MS);
    add("started again, until every shard is led", cluster.startupMs / 1_000, "s");
    await cluster.healthy(READY_TIMEOUT_MS);
    await pause(SETTLE_MS);
    await addIdle(cluster, idleSeconds, "idle after a restart", add);
  } finally {
    await cluster.destroy();
  }
  return figures;
}

/** Of each role the process that has the most. */
async function addIdle(
  cluster: LocalCluster,
  seconds: number,
  when: string,
  add: (figure: string, value: number, unit: string) => void,
): Promise<void> {
  const nodes = cluster.nodes();
  const before = nodes.map(({ pid }) => usageOf(pid).cpuSeconds);
  await pause(seconds * 1_000);
  for (const role of ROLES) {
    const usages = nodes.flatMap(({ pid, role: found }, index) => {
      if (found !== role) return [];
      const { cpuSeconds, rssMb } = usageOf(pid);
      return [{ cpu: ((cpuSeconds - (before[index] ?? 0)) / seconds) * 100, rssMb, handles: handlesOf(pid) }];
    });
    const highest = (pick: (usage: (typeof usages)[0]) => number): number => Math.max(...usages.map(pick));
    add(
      `${when}, ${role}: CPU`,
      highest(({ cpu }) => cpu),
      "% of a core",
    );
    add(
      `${when}, ${role}: memory`,
      highest(({ rssMb }) => rssMb),
      "MB",
    );
    add(
      `${when}, ${role}: open handles`,
      highest(({ handles }) => handles),
      "",
    );
  }
}

async function putOverAll(
  cluster: LocalCluster,
  streams: readonly string[],
  seconds: number,
): Promise<{ perSecond: number; records: number }> {
  const raw = new RawKinesis(cluster.port, IN_FLIGHT);
  const bodies = streams.flatMap((stream) =>
    Array.from({ length: 2 }, () => putRecordsBody(stream, RECORDS, RECORD_BYTES, () => randomBytes(1_024))),
  );
  const put = async (index: number): Promise<void> => {
    const answer = await raw.call("PutRecords", bodies[index % bodies.length] as Buffer);
    if (!answer.includes('"FailedRecordCount":0')) throw new Error(`failed: ${answer.toString("utf8", 0, 300)}`);
  };
  const startedAt = performance.now();
  const requests = await runFor(seconds, IN_FLIGHT, put);
  const elapsed = (performance.now() - startedAt) / 1_000;
  raw.close();
  return { perSecond: (requests * RECORDS) / elapsed, records: requests * RECORDS };
}

/** Linux only: elsewhere 0. */
function handlesOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
