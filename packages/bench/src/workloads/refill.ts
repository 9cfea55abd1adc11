import { randomBytes } from "node:crypto";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { eventually, type LocalCluster } from "@millrace/e2e";
import { createStream } from "@millrace/verifier";
import { build } from "hdr-histogram-js";
import { putRecordsBody, RawKinesis } from "../raw-http.ts";
import type { Figure } from "../report.ts";

const RECORD_SIZE_BYTES = 20_000;
const RECORDS_PER_PUT = 50;
const FOREGROUND_PER_SECOND = 50;
const REFILL_TIMEOUT_MS = 600_000;

/** A broker comes back without its disk: how long until all shards have three replicas again, and what writers feel meanwhile. */
export async function refill(cluster: LocalCluster, megabytes: number): Promise<Figure[]> {
  const stream = "refill";
  await createStream(cluster.client(), stream, 4);
  const raw = new RawKinesis(cluster.port, 32);
  const bodies = Array.from({ length: 8 }, () =>
    putRecordsBody(stream, RECORDS_PER_PUT, RECORD_SIZE_BYTES, () => randomBytes(1_024)),
  );
  const puts = Math.ceil((megabytes * 1e6) / (RECORDS_PER_PUT * RECORD_SIZE_BYTES));
  let sent = 0;
  const fill = async (): Promise<void> => {
    while (sent < puts) await raw.call("PutRecords", bodies[sent++ % bodies.length] as Buffer);
  };
  await Promise.all([fill(), fill(), fill(), fill()]);
  const quiet = await foreground(raw, stream, (stop) => setTimeout(stop, 10_000));

  const id = "broker-2";
  const { pid } = cluster.node(id);
  const folder = join(cluster.dataDir, id);
  renameSync(folder, `${folder}.lost`);
  cluster.signal(id, "SIGKILL");
  rmSync(`${folder}.lost`, { recursive: true, force: true });
  await eventually(() => ![0, pid].includes(cluster.node(id).pid), 20_000);
  const startedAt = performance.now();
  const busy = await foreground(raw, stream, (stop) => void cluster.healthy(REFILL_TIMEOUT_MS).then(stop));
  const seconds = (performance.now() - startedAt) / 1_000;
  raw.close();

  const workload = `An empty disk is filled again, ${megabytes} MB a replica`;
  const figure = (name: string, value: number, unit: string): Figure => ({ workload, figure: name, value, unit });
  return [
    figure("all replicas full again after", seconds, "s"),
    figure("copied", megabytes / seconds, "MB/s"),
    figure(`PutRecord 1 KB at ${FOREGROUND_PER_SECOND}/s before, p99`, quiet, "ms"),
    figure(`PutRecord 1 KB at ${FOREGROUND_PER_SECOND}/s meanwhile, p99`, busy, "ms"),
  ];
}

/** p99 in ms of lone puts at a fixed pace, measured from when each was due, until somebody calls `stop`. */
async function foreground(raw: RawKinesis, stream: string, begin: (stop: () => void) => void): Promise<number> {
  const histogram = build({ highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: 3 });
  const body = Buffer.from(
    JSON.stringify({ StreamName: stream, Data: randomBytes(1_024).toString("base64"), PartitionKey: "k" }),
  );
  let isOver = false;
  begin(() => (isOver = true));
  const startedAt = performance.now();
  const calls: Promise<void>[] = [];
  for (let index = 0; !isOver; index++) {
    const dueAt = startedAt + (index * 1_000) / FOREGROUND_PER_SECOND;
    const wait = dueAt - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    calls.push(
      raw.call("PutRecord", body).then(() => histogram.recordValue(Math.round((performance.now() - dueAt) * 1_000))),
    );
  }
  await Promise.all(calls);
  return histogram.getValueAtPercentile(99) / 1_000;
}
