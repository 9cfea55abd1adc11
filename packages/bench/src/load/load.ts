import { randomBytes } from "node:crypto";
import { connectMillrace, type Millrace, type PutOutcome, type PutRecord } from "@millrace/client";

export interface LoadOptions {
  /** host:port of each. */
  readonly controllers: readonly string[];
  /** Made unless it is there. */
  readonly stream: string;
  readonly shards: number;
  readonly recordBytes: number;
  readonly perSecond: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

const PAYLOADS = 1_024;
/** Few, for an outcome counts when all of its `putAll` are there. */
const CHUNK_RECORDS = 512;
/** A record waits so long for company while nothing is sent; busy shards never wait. */
const LINGER_MS = 1;
const BATCH_BYTES = 1 << 20;
const IN_FLIGHT_BYTES = 16 << 20;

export async function open({ controllers, stream, shards }: LoadOptions): Promise<Millrace> {
  const client = await connectMillrace({ controllers });
  if (!client.streams().includes(stream)) await client.createStream(stream, { shardCount: shards });
  return client;
}

/** Random bytes under random keys, made once: a record's shard is its key's. */
export function payloads(sizeBytes: number): PutRecord[] {
  const one = (): PutRecord => ({ partitionKey: randomBytes(8).toString("hex"), data: randomBytes(sizeBytes) });
  return Array.from({ length: PAYLOADS }, one);
}

export interface ThroughputAnswer {
  /** Acknowledged. */
  readonly records: number;
  readonly seconds: number;
  readonly failed: number;
}

/** As fast as the producer takes them. */
export async function throughput(options: LoadOptions): Promise<ThroughputAnswer> {
  const client = await open(options);
  const settings = { lingerMs: LINGER_MS, batchBytes: BATCH_BYTES, inFlightBytes: IN_FLIGHT_BYTES };
  const producer = client.producer(options.stream, settings);
  const records = payloads(options.recordBytes);
  const chunk = Array.from({ length: CHUNK_RECORDS }, (_, index) => records[index % PAYLOADS] as PutRecord);
  const warmUntil = performance.now() + options.warmUpSeconds * 1_000;
  const end = warmUntil + options.seconds * 1_000;
  let startedAt = 0;
  const counts = { records: 0, failed: 0 };
  const count = (outcomes: readonly PutOutcome[]): void => {
    if (startedAt === 0) return;
    for (const { error } of outcomes) counts[error === undefined ? "records" : "failed"]++;
  };
  while (performance.now() < end) {
    if (startedAt === 0 && performance.now() >= warmUntil) startedAt = performance.now();
    void producer.putAll(chunk).then(count);
    await producer.ready();
  }
  await producer.flush();
  const seconds = (performance.now() - startedAt) / 1_000;
  await client.close();
  return { ...counts, seconds };
}

export interface PacedAnswer {
  /** From when each record was due until it was acknowledged. */
  readonly microseconds: readonly number[];
}

/** A record at a time, each when it is due, and measured from then: a stall counts for all that it delays. */
export async function paced(options: LoadOptions): Promise<PacedAnswer> {
  const { perSecond, warmUpSeconds, seconds } = options;
  const client = await open(options);
  const producer = client.producer(options.stream, { lingerMs: 0 });
  const records = payloads(options.recordBytes);
  const warmUp = warmUpSeconds * perSecond;
  const total = warmUp + seconds * perSecond;
  const microseconds: number[] = [];
  const startedAt = performance.now();
  for (let index = 0; index < total; index++) {
    const dueAt = startedAt + (index * 1_000) / perSecond;
    await until(dueAt);
    await producer.put(records[index % PAYLOADS] as PutRecord);
    if (index >= warmUp) microseconds.push(Math.round((performance.now() - dueAt) * 1_000));
  }
  await client.close();
  return { microseconds };
}

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4));
const TIMER_SLACK_MS = 2;

/** Timers are a millisecond late and more, which is as long as what is measured. The last stretch sleeps in the kernel instead. */
async function until(dueAt: number): Promise<void> {
  const waitMs = dueAt - performance.now();
  if (waitMs > TIMER_SLACK_MS) await new Promise((resolve) => setTimeout(resolve, waitMs - TIMER_SLACK_MS));
  const leftMs = dueAt - performance.now();
  if (leftMs > 0) Atomics.wait(NEVER_WOKEN, 0, 0, leftMs);
}
