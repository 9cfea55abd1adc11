// O15: many large batches at once while brokers may use 512 MiB: bounded memory, refusals that say so or slower answers, nobody restarts, and
// health is answered meanwhile.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  PutRecordsCommand,
} from "@aws-sdk/client-kinesis";
import { CREDENTIALS } from "./load.mjs";
import { peakMib } from "./podman.mjs";

const STREAM = "large-batches";
const LIMIT = "512Mi";
const RECORD_BYTES = 256 * 1_024;
const RECORDS_PER_BATCH = 20;
const WAVES = [
  { clients: 100, batches: 1 },
  { clients: 200, batches: 1 },
];
/** What two waves leave behind has room. */
const VOLUME = "6Gi";
const HEALTH_EVERY_MS = 500;
const HEALTH_WITHIN_MS = 5_000;

export const largeBatches = {
  name: `O15: large batches at once, brokers limited to ${LIMIT}`,
  missing: (cluster) => (cluster.volumes.areGrowable ? undefined : "no file system here that grows"),
  run: async (cluster, environment) => {
    const brokers = cluster.sets.find(({ metadata }) => metadata.name === "millrace-broker");
    const { limits } = brokers.spec.template.spec.containers[0].resources;
    const before = limits.memory;
    for (const { name } of cluster.of("broker")) {
      const patch = JSON.stringify({ spec: { resources: { requests: { storage: VOLUME } } } });
      const parameters = ["patch", `pvc/data-${name}`, "--type", "merge", "--patch", patch];
      await promisify(execFile)("kubectl", parameters, { env: environment });
    }
    limits.memory = LIMIT;
    await cluster.rolloutRestart(brokers);
    await cluster.healthy();
    try {
      return await underLargeBatches(cluster);
    } finally {
      limits.memory = before;
      await cluster.rolloutRestart(brokers);
      await cluster.healthy();
    }
  },
};

async function underLargeBatches(cluster) {
  const client = new KinesisClient({ ...CREDENTIALS, endpoint: cluster.endpoint });
  const health = new Health(cluster);
  const restartsBefore = restarts(cluster);
  try {
    const StreamModeDetails = { StreamMode: "ON_DEMAND" };
    await client.send(new CreateStreamCommand({ StreamName: STREAM, StreamModeDetails }));
    await until(async () => {
      const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: STREAM })).catch(() => undefined);
      return answer?.StreamDescriptionSummary.StreamStatus === "ACTIVE";
    });
    const waves = [];
    for (const wave of WAVES) waves.push(await run(cluster.endpoint, wave));
    const peaks = Object.fromEntries(
      [...cluster.of("broker"), ...cluster.of("gateway")].map(({ name, pid }) => [name, peakMib(pid)]),
    );
    await client.send(new DeleteStreamCommand({ StreamName: STREAM }));
    const restarted = restarts(cluster) - restartsBefore;
    if (restarted > 0) throw new Error(`${restarted} containers ended under large batches`);
    return { waves, peakMib: peaks, health: await health.stop() };
  } finally {
    await health.stop();
    client.destroy();
  }
}

/** Each client sends a batch at the same moment; an SDK's repeats are what it does with a refusal. */
async function run(endpoint, { clients, batches }) {
  const Data = randomBytes(RECORD_BYTES);
  const outcomes = {};
  const count = (outcome, times = 1) => (outcomes[outcome] = (outcomes[outcome] ?? 0) + times);
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: clients * batches }, async () => {
      // With a connection of its own: Node's HTTP/2 client ends the streams of a session that holds more than ten megabytes.
      const client = new KinesisClient({ ...CREDENTIALS, endpoint });
      const Records = Array.from({ length: RECORDS_PER_BATCH }, () => ({
        PartitionKey: randomBytes(8).toString("hex"),
        Data,
      }));
      try {
        const answer = await client.send(new PutRecordsCommand({ StreamName: STREAM, Records }));
        for (const { ErrorCode = "stored" } of answer.Records) count(ErrorCode);
      } catch (error) {
        count(`request refused: ${error.name}`);
      } finally {
        client.destroy();
      }
    }),
  );
  return { clients, seconds: Math.round((performance.now() - startedAt) / 100) / 10, records: outcomes };
}

/** Asks every pod all the time, as a liveness probe does. */
class Health {
  #isOver = false;
  #worstMs = 0;
  #failed = 0;
  #asked = 0;
  #running;

  constructor(cluster) {
    this.#running = Promise.all(cluster.pods.map((pod) => this.#watch(pod)));
  }

  async #watch({ address }) {
    while (!this.#isOver) {
      const startedAt = performance.now();
      try {
        const signal = AbortSignal.timeout(HEALTH_WITHIN_MS);
        const answer = await fetch(`http://${address}:9464/healthz`, { signal });
        if (!answer.ok) this.#failed++;
      } catch {
        this.#failed++;
      }
      this.#asked++;
      this.#worstMs = Math.max(this.#worstMs, performance.now() - startedAt);
      await sleep(HEALTH_EVERY_MS);
    }
  }

  async stop() {
    this.#isOver = true;
    await this.#running;
    return { asked: this.#asked, failed: this.#failed, worstMs: Math.round(this.#worstMs) };
  }
}

const restarts = (cluster) => cluster.pods.reduce((sum, pod) => sum + pod.restarts, 0);

async function until(condition, withinMs = 120_000) {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms`);
    await sleep(200);
  }
}
