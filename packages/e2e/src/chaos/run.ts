import { createStream, Ledger } from "@millrace/verifier";
import { seededPick } from "./fault.ts";
import { FAULTS } from "./faults.ts";
import { makeWorld } from "./world.ts";

export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly onProgress: (line: string) => void;
}

export interface FaultReport {
  readonly fault: string;
  readonly times: number;
  /** The longest wait of any writer between two acknowledgements, over each time that the fault was injected. */
  readonly unavailableMsMedian: number;
  readonly unavailableMsWorst: number;
}

export interface ChaosReport {
  readonly seed: number;
  readonly minutes: number;
  readonly acknowledged: number;
  readonly failedRequests: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly faults: readonly FaultReport[];
  /** Faults that this machine does not allow, and why. */
  readonly missing: Readonly<Record<string, string>>;
  /** Anything lost, repeated or reordered. Empty is what we promise. */
  readonly violations: readonly string[];
}

const STREAM = "chaos";
const SHARD_COUNT = 6;
const WRITERS = ["a", "b", "c", "d"];
const RECORDS_PER_PUT = 10;
const PAUSE_BETWEEN_PUTS_MS = 20;
const VIOLATIONS_SHOWN_MAX = 50;
/** A lost disk is filled again in it. */
const HEALTHY_WITHIN_MS = 60_000;

/** Injects faults one after another into a real cluster under load, then compares every shard with what was acknowledged. */
export async function runChaos({ minutes, seed, onProgress }: ChaosOptions): Promise<ChaosReport> {
  const { world, destroy } = await makeWorld(STREAM);
  const { cluster, client } = world;
  const missing = new Map(
    FAULTS.flatMap((fault) => {
      const why = fault.missing?.(world);
      return why === undefined ? [] : [[fault.name, why]];
    }),
  );
  const faults = FAULTS.filter(({ name }) => !missing.has(name));
  try {
    await createStream(client, STREAM, SHARD_COUNT);
    const ledger = new Ledger(STREAM);
    const stop = new AbortController();
    const writing = WRITERS.map((name) =>
      ledger.write(cluster.client(), name, RECORDS_PER_PUT, stop.signal, PAUSE_BETWEEN_PUTS_MS),
    );
    const pick = seededPick(seed);
    const gapsMs = new Map<string, number[]>();
    const deadline = performance.now() + minutes * 60_000;
    let round: (typeof FAULTS)[number][] = [];
    try {
      do {
        // Each fault once before any comes again, in an order of the seed's.
        if (round.length === 0) round = [...faults];
        const fault = pick(round);
        round = round.filter((other) => other !== fault);
        ledger.longestGapMs = 0;
        await fault.run(world, pick);
        await cluster.healthy(HEALTHY_WITHIN_MS);
        await nextAcknowledgements(ledger);
        const gapMs = Math.round(ledger.longestGapMs);
        gapsMs.set(fault.name, [...(gapsMs.get(fault.name) ?? []), gapMs]);
        onProgress(`${fault.name}: ${gapMs} ms without an acknowledgement at worst`);
      } while (performance.now() < deadline);
    } finally {
      stop.abort();
      await Promise.all(writing);
    }
    const violations = await ledger.verify(client);
    return {
      seed,
      minutes,
      acknowledged: ledger.acknowledgedCount,
      failedRequests: ledger.failedRequests,
      failures: Object.fromEntries(ledger.failures),
      faults: [...gapsMs].map(([fault, gaps]) => summary(fault, gaps)),
      missing: Object.fromEntries(missing),
      violations: violations.slice(0, VIOLATIONS_SHOWN_MAX),
    };
  } finally {
    await destroy();
  }
}

/** Every writer has had an answer since: the gap that the fault made is in the figures. */
async function nextAcknowledgements(ledger: Ledger): Promise<void> {
  const before = ledger.acknowledgedCount;
  const enough = before + 3 * WRITERS.length * RECORDS_PER_PUT;
  const deadline = performance.now() + 30_000;
  while (ledger.acknowledgedCount < enough) {
    if (performance.now() > deadline) throw new Error("nothing was acknowledged within 30 s after the fault");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function summary(fault: string, gaps: readonly number[]): FaultReport {
  const sorted = gaps.toSorted((a, b) => a - b);
  return {
    fault,
    times: sorted.length,
    unavailableMsMedian: sorted[Math.floor(sorted.length / 2)] ?? 0,
    unavailableMsWorst: sorted.at(-1) ?? 0,
  };
}
