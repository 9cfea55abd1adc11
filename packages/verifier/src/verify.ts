import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { KinesisClient } from "@aws-sdk/client-kinesis";
import { Check, type Counts } from "./check.ts";
import { clientFor, type Target } from "./client.ts";
import { Ledger } from "./ledger.ts";
import { follow } from "./read.ts";
import { createStream, deleteStream } from "./streams.ts";

export interface VerifierOptions {
  readonly target: Target;
  readonly minutes: number;
  readonly shards: number;
  readonly writers: number;
  readonly recordsPerPut: number;
  readonly pauseMs: number;
  /** Ends the writing early; there is a report all the same. */
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

/** A time in which a writer got no acknowledgement. Of those that overlap the longest is told. */
export interface Outage {
  readonly at: string;
  readonly unavailableMs: number;
}

export interface VerifierReport extends Counts {
  readonly seconds: number;
  readonly acknowledged: number;
  readonly failedRequests: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly putMsP99: number;
  readonly unavailableMsWorst: number;
  /** Longer than `OUTAGE_MS`, to be laid beside what was done to the cluster. */
  readonly outages: readonly Outage[];
  readonly failedReads: number;
  readonly readUnavailableMsWorst: number;
  readonly violations: readonly string[];
}

const OUTAGE_MS = 500;
const PROGRESS_EVERY_MS = 10_000;
const READ_TO_END_WITHIN_MS = 120_000;
const VIOLATIONS_SHOWN_MAX = 50;
const START_WITHIN_MS = 60_000;

/** Writes to a stream of its own and reads it back as it grows, and compares every record. */
export async function runVerifier(options: VerifierOptions): Promise<VerifierReport> {
  const { target, minutes, signal, onProgress } = options;
  const stream = `verify-${randomBytes(4).toString("hex")}`;
  const client = clientFor(target);
  // One for each writer: a stuck connection of one holds up none of the others.
  const writerClients = Array.from({ length: options.writers }, () => clientFor(target));
  try {
    await createWithPatience(client, stream, options);
    onProgress(`writing to ${stream}, ${options.shards} shards, ${options.writers} writers`);
    const ledger = new Ledger(stream);
    const check = new Check(ledger, { live: true });
    const gaps = new Gaps();
    ledger.onGap = (gapMs) => gaps.add(gapMs);
    const following = follow(client, stream, (shardId, record) => check.read(shardId, record));
    const startedAt = performance.now();
    // A timer of our own: Node.js 20 forgets a timeout signal that only `AbortSignal.any` still knows.
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), minutes * 60_000);
    signal.addEventListener("abort", () => stop.abort(), { once: true });
    if (signal.aborted) stop.abort();
    const writing = writerClients.map((writerClient, index) =>
      ledger.write(writerClient, `w${index}`, options.recordsPerPut, stop.signal, options.pauseMs),
    );
    const progress = setInterval(() => {
      onProgress(`${ledger.acknowledgedCount} acknowledged, ${JSON.stringify(check.counts)}`);
    }, PROGRESS_EVERY_MS);
    await Promise.all(writing);
    clearTimeout(timer);
    clearInterval(progress);
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    await following.finish(READ_TO_END_WITHIN_MS);
    check.finish();
    const report: VerifierReport = {
      seconds,
      acknowledged: ledger.acknowledgedCount,
      ...check.counts,
      failedRequests: ledger.failedRequests,
      failures: Object.fromEntries(ledger.failures),
      putMsP99: Math.round(gaps.quantile(0.99) - options.pauseMs),
      unavailableMsWorst: Math.round(ledger.longestGapMs),
      outages: gaps.outages(),
      failedReads: following.failedReads,
      readUnavailableMsWorst: Math.round(following.longestGapMs),
      violations: check.violations.slice(0, VIOLATIONS_SHOWN_MAX),
    };
    // What is wrong is evidence, and stays.
    if (report.violations.length === 0) await deleteStream(client, stream);
    else onProgress(`${stream} is left as it is`);
    return report;
  } finally {
    for (const each of [client, ...writerClients]) each.destroy();
  }
}

/** A verifier may be there before the cluster is. */
async function createWithPatience(client: KinesisClient, stream: string, options: VerifierOptions): Promise<void> {
  const deadline = performance.now() + START_WITHIN_MS;
  for (;;) {
    try {
      return await createStream(client, stream, options.shards);
    } catch (error) {
      // Made by an attempt whose answer was lost.
      if ((error as Error).name === "ResourceInUseException") return;
      if (performance.now() > deadline || options.signal.aborted) throw error;
      options.onProgress(`not yet: ${(error as Error).message}`);
      await sleep(1_000);
    }
  }
}

export function reportLines(report: VerifierReport): string[] {
  const { acknowledged, seconds, lost, duplicated, reordered, altered } = report;
  return [
    `acknowledged ${acknowledged} in ${seconds} s, lost ${lost}, duplicated ${duplicated}, reordered ${reordered}, altered ${altered}`,
    `unavailable ${report.unavailableMsWorst} ms at worst, ${report.outages.length} times longer than ${OUTAGE_MS} ms; put p99 ${report.putMsP99} ms`,
    `failed requests ${report.failedRequests} ${JSON.stringify(report.failures)}, failed reads ${report.failedReads}, longest wait of a reader ${report.readUnavailableMsWorst} ms`,
    ...report.outages.map(({ at, unavailableMs }) => `  ${at}  ${unavailableMs} ms without an acknowledgement`),
    ...report.violations.map((violation) => `  ${violation}`),
  ];
}

/** The waits between two acknowledgements, of all writers. */
class Gaps {
  /** By whole milliseconds: a run of any length fits. */
  readonly #counts = new Map<number, number>();
  readonly #outages: { fromMs: number; toMs: number }[] = [];

  add(gapMs: number): void {
    const rounded = Math.round(gapMs);
    this.#counts.set(rounded, (this.#counts.get(rounded) ?? 0) + 1);
    if (gapMs < OUTAGE_MS) return;
    const toMs = Date.now();
    const fromMs = toMs - rounded;
    const last = this.#outages.at(-1);
    if (last === undefined || fromMs > last.toMs) this.#outages.push({ fromMs, toMs });
    else if (rounded > last.toMs - last.fromMs) Object.assign(last, { fromMs, toMs });
  }

  quantile(share: number): number {
    const sorted = [...this.#counts].toSorted(([a], [b]) => a - b);
    let left = share * sorted.reduce((sum, [, count]) => sum + count, 0);
    for (const [gapMs, count] of sorted) if ((left -= count) <= 0) return gapMs;
    return 0;
  }

  outages(): Outage[] {
    return this.#outages.map(({ fromMs, toMs }) => ({
      at: new Date(fromMs).toISOString(),
      unavailableMs: toMs - fromMs,
    }));
  }
}
