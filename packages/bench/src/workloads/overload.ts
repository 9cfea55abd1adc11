import { randomBytes } from "node:crypto";
import type { LocalCluster } from "@millrace/e2e";
import { createStream } from "@millrace/verifier";
import { build, type Histogram } from "hdr-histogram-js";
import { usageOf } from "../process-usage.ts";
import { putRecordsBody, RawKinesis } from "../raw-http.ts";
import type { Figure } from "../report.ts";
import { runFor } from "./put-throughput.ts";

const SHARDS = 4;
const RECORDS = 100;
const RECORD_BYTES = 1_024;
const BODIES = 16;
/** As many clients with a request each: what is due while all wait is late, and that counts. */
const CONNECTIONS = 2_048;
/** Enough for the batches of a busy cluster: with fewer, what is called its peak is no more than what they ask for. */
const IN_FLIGHT_AT_PEAK = 128;
const OFFERED = [0.5, 1, 2];
const WARM_UP_S = 5;
const RSS_INTERVAL_MS = 250;

interface Tally {
  accepted: number;
  /** By exception. */
  readonly refused: Map<string, number>;
  /** Of requests of which every record was accepted, from when each was due. */
  readonly latencyUs: Histogram;
}

/**
 * First what the cluster can do, then a half, the whole and the double of it offered at a fixed pace whatever comes back. It holds when
 * goodput stays near the peak, what is accepted is accepted soon, and the rest is refused as Kinesis refuses.
 */
export async function overload(cluster: LocalCluster, seconds: number): Promise<Figure[]> {
  const stream = "overload";
  await createStream(cluster.client(), stream, SHARDS);
  const raw = new RawKinesis(cluster.port, CONNECTIONS);
  const bodies = Array.from({ length: BODIES }, () =>
    putRecordsBody(stream, RECORDS, RECORD_BYTES, () => randomBytes(1_024)),
  );
  const closedLoop = async (length: number): Promise<number> => {
    const tally = newTally();
    const startedAt = performance.now();
    const put = (index: number): Promise<void> => one(raw, bodies[index % BODIES] as Buffer, performance.now(), tally);
    await runFor(length, IN_FLIGHT_AT_PEAK, put);
    return tally.accepted / RECORDS / ((performance.now() - startedAt) / 1_000);
  };
  await closedLoop(Math.min(WARM_UP_S, seconds));
  const peak = await closedLoop(seconds);
  const figures: Figure[] = [
    {
      workload: "Overload",
      figure: `peak, ${IN_FLIGHT_AT_PEAK} requests in flight`,
      value: peak * RECORDS,
      unit: "records/s",
    },
  ];
  for (const share of OFFERED) {
    const memory = watchMemory(cluster);
    const began = performance.now();
    const { user, system } = process.cpuUsage();
    const tally = await offer(raw, bodies, peak * share, seconds);
    const elapsed = (performance.now() - began) / 1_000;
    const own = process.cpuUsage({ user, system });
    figures.push(...figuresOf(share, peak, tally, elapsed, memory()));
    // On the same cores as what it measures: what it takes the cluster has not.
    const generator = (own.user + own.system) / 1e6 / elapsed;
    figures.push({
      workload: `Overload: ${share} x the peak offered`,
      figure: "CPU of the load generator",
      value: generator * 100,
      unit: "% of a core",
    });
  }
  raw.close();
  return figures;
}

async function offer(raw: RawKinesis, bodies: readonly Buffer[], perSecond: number, seconds: number): Promise<Tally> {
  const tally = newTally();
  const startedAt = performance.now();
  const total = Math.round(perSecond * seconds);
  const calls: Promise<void>[] = [];
  for (let index = 0; index < total; index++) {
    const dueAt = startedAt + (index * 1_000) / perSecond;
    const wait = dueAt - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    // Behind with the pace: what came back must be looked at all the same.
    else if (index % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
    calls.push(one(raw, bodies[index % BODIES] as Buffer, dueAt, tally));
  }
  await Promise.all(calls);
  return tally;
}

function newTally(): Tally {
  const latencyUs = build({ highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: 3 });
  return { accepted: 0, refused: new Map(), latencyUs };
}

async function one(raw: RawKinesis, body: Buffer, dueAt: number, tally: Tally): Promise<void> {
  const refuse = (name: string, count: number): void => {
    tally.refused.set(name, (tally.refused.get(name) ?? 0) + count);
  };
  try {
    const { status, answer } = await raw.exchange("PutRecords", body);
    const text = answer.toString("latin1");
    if (status !== 200) {
      refuse(/"__type":"(?:[^"]*#)?([^"]+)"/.exec(text)?.[1] ?? `HTTP ${status}`, RECORDS);
      return;
    }
    const failed = Number(/"FailedRecordCount":(\d+)/.exec(text)?.[1] ?? 0);
    tally.accepted += RECORDS - failed;
    if (failed > 0) refuse(/"ErrorCode":"([^"]+)"/.exec(text)?.[1] ?? "unnamed", failed);
    else tally.latencyUs.recordValue(Math.round((performance.now() - dueAt) * 1_000));
  } catch (error) {
    refuse((error as NodeJS.ErrnoException).code ?? (error as Error).name, RECORDS);
  }
}

function figuresOf(share: number, peak: number, tally: Tally, elapsed: number, memoryMb: number): Figure[] {
  const workload = `Overload: ${share} x the peak offered`;
  const figure = (name: string, value: number, unit: string): Figure => ({ workload, figure: name, value, unit });
  const goodput = tally.accepted / elapsed;
  const refused = [...tally.refused].map(([name, count]) => figure(`refused: ${name}`, count / elapsed, "records/s"));
  return [
    figure("accepted", goodput, "records/s"),
    figure("accepted, of the peak", (goodput / (peak * RECORDS)) * 100, "%"),
    ...[50, 99, 100].map((percentile) =>
      figure(
        percentile === 100 ? "accepted after, worst" : `accepted after, p${percentile}`,
        tally.latencyUs.getValueAtPercentile(percentile) / 1_000,
        "ms",
      ),
    ),
    ...refused,
    figure("highest memory of a process", memoryMb, "MB"),
  ];
}

/** Returns what ends it and tells the highest. */
function watchMemory(cluster: LocalCluster): () => number {
  let highest = 0;
  const look = (): void => {
    for (const { pid } of cluster.nodes()) highest = Math.max(highest, usageOf(pid).rssMb);
  };
  const timer = setInterval(look, RSS_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    look();
    return highest;
  };
}
