import { randomBytes } from "node:crypto";
import { type LocalCluster } from "@millrace/e2e";
import { createStream } from "@millrace/verifier";
import { build } from "hdr-histogram-js";
import { RawKinesis } from "../raw-http.ts";
import type { Figure } from "../report.ts";

/** V8 compiles what a hundred puts a second run by and by. */
const WARM_UP_S = 10;

/** Lone PutRecords of 1 KB at a fixed pace. Measured from when each was due, so that a stall counts for all it delays. */
export async function putLatency(cluster: LocalCluster, perSecond: number, seconds: number): Promise<Figure[]> {
  const stream = `latency-${perSecond}`;
  await createStream(cluster.client(), stream, 4);
  const raw = new RawKinesis(cluster.port, 64);
  const bodies = Array.from({ length: 64 }, () =>
    Buffer.from(
      JSON.stringify({
        StreamName: stream,
        Data: randomBytes(1_024).toString("base64"),
        PartitionKey: randomBytes(8).toString("hex"),
      }),
    ),
  );
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
  const warmUp = perSecond * WARM_UP_S;
  const total = perSecond * seconds + warmUp;
  const startedAt = performance.now();
  const calls: Promise<void>[] = [];
  for (let index = 0; index < total; index++) {
    const dueAt = startedAt + (index * 1_000) / perSecond;
    const wait = dueAt - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    // Timers may be early by a part of a millisecond.
    const beganAt = Math.min(dueAt, performance.now());
    calls.push(
      raw.call("PutRecord", bodies[index % bodies.length] as Buffer).then(() => {
        if (index >= warmUp) histogram.recordValue(Math.round((performance.now() - beganAt) * 1_000));
      }),
    );
  }
  await Promise.all(calls);
  raw.close();
  const workload = `PutRecord 1 KB at ${perSecond}/s (raw HTTP)`;
  return [50, 99, 100].map((percentile) => ({
    workload,
    figure: percentile === 100 ? "worst" : `p${percentile}`,
    value: histogram.getValueAtPercentile(percentile) / 1_000,
    unit: "ms",
  }));
}
