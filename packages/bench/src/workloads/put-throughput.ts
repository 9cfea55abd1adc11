import { randomBytes } from "node:crypto";
import { type KinesisClient, PutRecordsCommand } from "@aws-sdk/client-kinesis";
import { createStream } from "@millrace/verifier";
import { totalUsage } from "../process-usage.ts";
import { putRecordsBody, RawKinesis } from "../raw-http.ts";
import type { Figure } from "../report.ts";

const SHARDS = 4;
const BODIES = 16;

export interface PutShape {
  readonly count: number;
  readonly sizeBytes: number;
}

/** What puts go to. */
export interface Endpoint {
  readonly port: number;
  client(): KinesisClient;
  /** Of all that serves them. */
  pids(): readonly number[];
}

/** PutRecords as fast as it goes for `seconds`, `inFlight` requests at a time, acknowledged on a quorum's disks. */
export async function putThroughput(
  endpoint: Endpoint,
  shape: PutShape,
  through: "raw HTTP" | "SDK",
  { seconds, inFlight, name = "put" }: { seconds: number; inFlight: number; name?: string },
): Promise<Figure[]> {
  const stream = `${name}-${shape.count}-${shape.sizeBytes}-${through === "SDK" ? "sdk" : "raw"}`;
  await createStream(endpoint.client(), stream, SHARDS);
  const raw = new RawKinesis(endpoint.port, inFlight);
  const bodies = Array.from({ length: BODIES }, () =>
    putRecordsBody(stream, shape.count, shape.sizeBytes, () => randomBytes(1_024)),
  );
  const commands = Array.from({ length: BODIES }, () => ({
    StreamName: stream,
    Records: Array.from({ length: shape.count }, () => ({
      PartitionKey: randomBytes(8).toString("hex"),
      Data: randomBytes(shape.sizeBytes),
    })),
  }));
  const client = endpoint.client();
  const put = async (index: number): Promise<void> => {
    if (through === "SDK") {
      const answer = await client.send(new PutRecordsCommand(commands[index % BODIES] as (typeof commands)[0]));
      if (answer.FailedRecordCount !== 0) throw new Error(`${answer.FailedRecordCount} records failed`);
      return;
    }
    const answer = await raw.call("PutRecords", bodies[index % BODIES] as Buffer);
    if (!answer.includes('"FailedRecordCount":0'))
      throw new Error(`records failed: ${answer.toString("utf8", 0, 200)}`);
  };
  await runFor(Math.min(2, seconds), inFlight, put); // warm-up: compiled code, open connections

  const pids = endpoint.pids();
  const before = totalUsage(pids);
  const startedAt = performance.now();
  const requests = await runFor(seconds, inFlight, put);
  const elapsed = (performance.now() - startedAt) / 1_000;
  const after = totalUsage(pids);
  raw.close();

  const megabytes = (requests * shape.count * shape.sizeBytes) / 1e6;
  const workload = `PutRecords ${shape.count} x ${shape.sizeBytes} B (${through})`;
  const figure = (name: string, value: number, unit: string): Figure => ({ workload, figure: name, value, unit });
  return [
    figure("throughput", megabytes / elapsed, "MB/s"),
    figure("records", (requests * shape.count) / elapsed, "1/s"),
    figure("CPU of all nodes", (after.cpuSeconds - before.cpuSeconds) / (megabytes / 1_000), "s/GB"),
    figure("memory of all nodes", after.rssMb, "MB"),
    figure("written to disk per user byte", (after.writtenMb - before.writtenMb) / megabytes, "x (three replicas)"),
  ];
}

/** Returns how many calls were answered. */
export async function runFor(
  seconds: number,
  inFlight: number,
  call: (index: number) => Promise<void>,
): Promise<number> {
  const deadline = performance.now() + seconds * 1_000;
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < deadline) {
      await call(next++);
      done++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return done;
}
