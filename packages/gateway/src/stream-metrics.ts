import type { StreamView } from "@millrace/client";
import { Counter, Gauge, type Registry } from "prom-client";

/** What happens to streams, in the terms of CloudWatch's metrics for Kinesis (packages/docs/metrics.md). */
export interface StreamMetrics {
  wrote(stream: StreamView, records: number, bytes: number): void;
  writeThrottled(stream: StreamView, records: number): void;
  /** `ageMs`: how far behind the tip the reader is after it. */
  read(stream: StreamView, records: number, bytes: number, ageMs: number): void;
  readThrottled(stream: StreamView): void;
}

/** Of so many streams each has series of its own; all others share one, so that nobody's stream names fill a Prometheus. */
const STREAMS_MAX = 500;
const OTHERS = { account: "", stream: "(others)" } as const;

type Labels = { readonly account: string; readonly stream: string };

export function streamMetrics(registry: Registry): StreamMetrics {
  const labels = new Map<string, Labels>();
  const labelsOf = ({ key }: StreamView): Labels => {
    const id = `${key.accountId}/${key.region}/${key.name}`;
    let known = labels.get(id);
    if (known === undefined) {
      if (labels.size >= STREAMS_MAX) return OTHERS;
      labels.set(id, (known = { account: key.accountId, stream: key.name }));
    }
    return known;
  };
  const common = { labelNames: ["account", "stream"] as const, registers: [registry] };
  const counter = (name: string, help: string): Counter<"account" | "stream"> =>
    new Counter({ ...common, name: `millrace_stream_${name}`, help });
  const incomingBytes = counter("incoming_bytes_total", "Data and partition keys stored. CloudWatch: IncomingBytes.");
  const incomingRecords = counter("incoming_records_total", "Records stored. CloudWatch: IncomingRecords.");
  const writeThrottled = counter(
    "write_throttled_records_total",
    "Records refused for a shard's write quota. CloudWatch: WriteProvisionedThroughputExceeded.",
  );
  const outgoingBytes = counter("outgoing_bytes_total", "Data given to readers. CloudWatch: GetRecords.Bytes.");
  const outgoingRecords = counter(
    "outgoing_records_total",
    "Records given to readers. CloudWatch: GetRecords.Records.",
  );
  const readThrottled = counter(
    "read_throttled_total",
    "GetRecords refused for a shard's read quota. CloudWatch: ReadProvisionedThroughputExceeded.",
  );
  const ages = new Map<Labels, number>();
  const age = new Gauge({
    ...common,
    name: "millrace_stream_iterator_age_milliseconds",
    help: "The farthest behind that any reader was since the last scrape. CloudWatch: GetRecords.IteratorAgeMilliseconds.",
    collect: (): void => {
      age.reset();
      for (const [of, ageMs] of ages) age.set(of, ageMs);
      ages.clear();
    },
  });
  return {
    wrote: (stream, records, bytes) => {
      const of = labelsOf(stream);
      incomingRecords.inc(of, records);
      incomingBytes.inc(of, bytes);
    },
    writeThrottled: (stream, records) => writeThrottled.inc(labelsOf(stream), records),
    read: (stream, records, bytes, ageMs) => {
      const of = labelsOf(stream);
      if (records > 0) {
        outgoingRecords.inc(of, records);
        outgoingBytes.inc(of, bytes);
      }
      ages.set(of, Math.max(ages.get(of) ?? 0, ageMs));
    },
    readThrottled: (stream) => readThrottled.inc(labelsOf(stream)),
  };
}

/** For where nobody scrapes. */
export const NO_STREAM_METRICS: StreamMetrics = {
  wrote: () => undefined,
  writeThrottled: () => undefined,
  read: () => undefined,
  readThrottled: () => undefined,
};
