import { randomBytes } from "node:crypto";
import { eventually, ExtraBroker, type LocalCluster, millrace } from "@millrace/e2e";
import { createStream } from "@millrace/verifier";
import { build } from "hdr-histogram-js";
import { putRecordsBody, RawKinesis } from "../raw-http.ts";
import type { Figure } from "../report.ts";

const STREAM = "scale-out";
/** Each broker of six leads two. */
const SHARDS = 12;
const SHAPE = { count: 100, sizeBytes: 1_024 };
const IN_FLIGHT = 8;
const ADDED: Readonly<Record<string, string>> = { "broker-4": "az-a", "broker-5": "az-b", "broker-6": "az-c" };
const MOVED_WITHIN_MS = 300_000;
/** A leader is followed by another a while after that one's replica has caught up. */
const LED_EVENLY_WITHIN_MS = 60_000;
const POLL_EVERY_MS = 500;

/** Of what three brokers take: replicas move while the cluster is busy, and not while it is beyond what it can do. */
const LOAD_WHILE_MOVING = 0.6;

/** Three brokers more, then three less, under puts: what writers get before, during and after. */
export async function scaleOut(cluster: LocalCluster, seconds: number): Promise<Figure[]> {
  await createStream(cluster.client(), STREAM, SHARDS);
  const load = new Load(cluster.port);
  const added: ExtraBroker[] = [];
  const figures: Figure[] = [];
  const measure = async (workload: string, meanwhile: () => Promise<unknown>): Promise<number> => {
    const { figures: found, perSecond } = await load.during(workload, meanwhile);
    figures.push(...found);
    return perSecond;
  };
  const forAWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  try {
    await forAWhile(); // warm-up, and data that must move
    const perSecond = await measure("Three brokers", forAWhile);
    load.pace(perSecond * LOAD_WHILE_MOVING);
    await measure("Three brokers, 60 % of it", forAWhile);
    await measure("Three more are started, 60 %", async () => {
      for (const [id, az] of Object.entries(ADDED)) added.push(new ExtraBroker(cluster, id, az));
      await untilEven(cluster, 6);
    });
    figures.push(...(await spread(cluster, "Six brokers")));
    await measure("Six brokers, 60 %", forAWhile);
    load.pace(undefined);
    await measure("Six brokers", forAWhile);
    load.pace(perSecond * LOAD_WHILE_MOVING);
    await measure("Three are drained, 60 %", async () => {
      await Promise.all(Object.keys(ADDED).map((id) => millrace(cluster, "broker", "drain", id, "--wait")));
    });
    for (const broker of added) await broker.end("SIGTERM");
    for (const id of Object.keys(ADDED)) await millrace(cluster, "broker", "remove", id);
    figures.push(...(await spread(cluster, "Three brokers again")));
    load.pace(undefined);
    await measure("Three brokers again", forAWhile);
  } finally {
    await load.stop();
    for (const broker of added) await broker.end("SIGKILL");
  }
  return figures;
}

/** Puts until it is told to stop, as fast as they go unless there is a pace. */
class Load {
  readonly #raw: RawKinesis;
  readonly #workers: Promise<void>[];
  #isOver = false;
  #intervalMs = 0;
  #dueMs = 0;
  #requests = 0;
  #failed = 0;
  #histogram = build({ highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: 3 });

  constructor(port: number) {
    this.#raw = new RawKinesis(port, IN_FLIGHT);
    const bodies = Array.from({ length: 16 }, () =>
      putRecordsBody(STREAM, SHAPE.count, SHAPE.sizeBytes, () => randomBytes(1_024)),
    );
    this.#workers = Array.from({ length: IN_FLIGHT }, async (_, worker) => {
      for (let next = worker; !this.#isOver; next++) await this.#put(bodies[next % bodies.length] as Buffer);
    });
  }

  /** Requests a second, of all workers together. */
  pace(perSecond: number | undefined): void {
    this.#intervalMs = perSecond === undefined ? 0 : 1_000 / perSecond;
    this.#dueMs = performance.now();
  }

  async #put(body: Buffer): Promise<void> {
    if (this.#intervalMs > 0) {
      // What could not be sent in time is not made up for.
      this.#dueMs = Math.max(this.#dueMs + this.#intervalMs, performance.now() - this.#intervalMs);
      const waitMs = this.#dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    const startedAt = performance.now();
    try {
      const answer = await this.#raw.call("PutRecords", body);
      if (!answer.includes('"FailedRecordCount":0')) this.#failed++;
    } catch {
      this.#failed++;
    }
    this.#requests++;
    this.#histogram.recordValue(Math.round((performance.now() - startedAt) * 1_000));
  }

  async during(workload: string, meanwhile: () => Promise<unknown>) {
    const [requests, failed, startedAt] = [this.#requests, this.#failed, performance.now()];
    this.#histogram.reset();
    await meanwhile();
    const elapsed = (performance.now() - startedAt) / 1_000;
    const perSecond = (this.#requests - requests) / elapsed;
    const megabytes = ((this.#requests - requests) * SHAPE.count * SHAPE.sizeBytes) / 1e6;
    const percentile = (share: number): number => this.#histogram.getValueAtPercentile(share) / 1_000;
    const figure = (name: string, value: number, unit: string): Figure => ({ workload, figure: name, value, unit });
    const figures = [
      figure("it took", elapsed, "s"),
      figure("PutRecords 100 x 1 KB", megabytes / elapsed, "MB/s"),
      figure("p50", percentile(50), "ms"),
      figure("p99", percentile(99), "ms"),
      figure("worst", percentile(100), "ms"),
      figure("requests with a record refused", this.#failed - failed, ""),
    ];
    return { figures, perSecond };
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#workers);
    this.#raw.close();
  }
}

interface BrokerStatus {
  readonly role: string;
  readonly leaders: number;
  readonly replicas: number;
}

async function brokers(cluster: LocalCluster): Promise<BrokerStatus[]> {
  const { nodes } = JSON.parse(await millrace(cluster, "status", "--json")) as { nodes: BrokerStatus[] };
  return nodes.filter(({ role }) => role === "broker");
}

const apart = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);

/** The controllers move replicas while brokers of a zone differ by two. */
async function untilEven(cluster: LocalCluster, count: number): Promise<void> {
  const isEven = async (pick: (broker: BrokerStatus) => number): Promise<boolean> => {
    await new Promise((resolve) => setTimeout(resolve, POLL_EVERY_MS));
    const all = await brokers(cluster);
    return all.length === count && apart(all.map(pick)) < 2;
  };
  await eventually(() => isEven(({ replicas }) => replicas), MOVED_WITHIN_MS);
  await eventually(() => isEven(({ leaders }) => leaders), LED_EVENLY_WITHIN_MS);
}

async function spread(cluster: LocalCluster, workload: string): Promise<Figure[]> {
  const all = await brokers(cluster);
  const figure = (name: string, value: number): Figure => ({ workload, figure: name, value, unit: "" });
  return [
    figure("replicas, fewest of a broker", Math.min(...all.map(({ replicas }) => replicas))),
    figure("replicas, most", Math.max(...all.map(({ replicas }) => replicas))),
    figure("shards led, fewest of a broker", Math.min(...all.map(({ leaders }) => leaders))),
    figure("shards led, most", Math.max(...all.map(({ leaders }) => leaders))),
  ];
}
