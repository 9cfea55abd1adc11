// The verifier's writers and readers on a cluster, with a figure for each thing that is done to it meanwhile.
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Check, clientFor, createStream, follow, Ledger } from "../../packages/verifier/dist/index.js";

/** Of the overlay for kind. */
export const CREDENTIALS = { region: "us-east-1", credentials: { accessKeyId: "any", secretAccessKey: "any" } };

const STREAM = "k8s-e2e";
const SHARDS = 6;
const WRITERS = ["a", "b", "c", "d"];
const RECORDS_PER_PUT = 10;
const PAUSE_MS = 20;
const ACKNOWLEDGED_AGAIN_WITHIN_MS = 180_000;

export class Load {
  #clients = [];
  #ledger = new Ledger(STREAM);
  #check = new Check(this.#ledger, { live: true });
  #stop = new AbortController();
  #writing = [];
  #following;
  #gapsMs = [];

  async start(endpoint) {
    const { region, credentials } = CREDENTIALS;
    const target = { endpoint, region, ...credentials };
    const client = this.#client(target);
    await createStream(client, STREAM, SHARDS);
    this.#ledger.onGap = (gapMs) => this.#gapsMs.push(gapMs);
    this.#following = follow(client, STREAM, (shardId, record) => this.#check.read(shardId, record));
    this.#writing = WRITERS.map((name) =>
      this.#ledger.write(this.#client(target), name, RECORDS_PER_PUT, this.#stop.signal, PAUSE_MS),
    );
    await this.#more();
  }

  #client(target) {
    const client = clientFor(target);
    this.#clients.push(client);
    return client;
  }

  /** @returns what clients felt while `fault` ran, from before it until every writer had been answered again after it */
  async during(fault) {
    const before = { ...this.#figures() };
    this.#gapsMs = [];
    this.#ledger.longestGapMs = 0;
    const startedAt = performance.now();
    const detail = await fault();
    await this.#more();
    const after = this.#figures();
    const sorted = this.#gapsMs.toSorted((a, b) => a - b);
    const seconds = (performance.now() - startedAt) / 1_000;
    const acknowledged = after.acknowledged - before.acknowledged;
    return {
      seconds: Math.round(seconds),
      acknowledged,
      acknowledgedPerS: Math.round(acknowledged / seconds),
      failedRequests: after.failedRequests - before.failedRequests,
      refusedRecords: after.refusedRecords - before.refusedRecords,
      unavailableMs: Math.round(this.#ledger.longestGapMs - PAUSE_MS),
      // Of the machine: how far the figures can be trusted.
      loadAverage: Math.round(loadavg()[0]),
      putMsP99: Math.round((sorted[Math.floor(sorted.length * 0.99)] ?? 0) - PAUSE_MS),
      ...(detail === undefined ? {} : { detail }),
    };
  }

  #figures() {
    const failures = [...this.#ledger.failures.values()].reduce((sum, count) => sum + count, 0);
    const { acknowledgedCount: acknowledged, failedRequests } = this.#ledger;
    return { acknowledged, failedRequests, refusedRecords: failures - failedRequests };
  }

  async #more() {
    const enough = this.#ledger.acknowledgedCount + 5 * WRITERS.length * RECORDS_PER_PUT;
    const deadline = performance.now() + ACKNOWLEDGED_AGAIN_WITHIN_MS;
    while (this.#ledger.acknowledgedCount < enough) {
      if (performance.now() > deadline)
        throw new Error(`nothing was acknowledged for ${ACKNOWLEDGED_AGAIN_WITHIN_MS / 1_000} s`);
      await sleep(20);
    }
  }

  /** Stops writing, reads everything to its end, and compares. */
  async finish() {
    this.#stop.abort();
    await Promise.all(this.#writing);
    await this.#following.finish(120_000);
    this.#check.finish();
    return {
      acknowledged: this.#ledger.acknowledgedCount,
      ...this.#check.counts,
      failures: Object.fromEntries(this.#ledger.failures),
      violations: this.#check.violations.slice(0, 50),
    };
  }

  destroy() {
    this.#stop.abort();
    for (const client of this.#clients) client.destroy();
  }
}
