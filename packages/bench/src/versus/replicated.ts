import type { Contender } from "../peers/contender.ts";
import { kafka } from "../peers/kafka.ts";
import { millrace } from "../peers/millrace.ts";
import { nats } from "../peers/nats.ts";
import { Missing } from "../peers/tools.ts";
import type { Figure, Skipped } from "../report.ts";
import { deaths, idle, latency, throughput } from "./measurements.ts";
import { Samples } from "./samples.ts";

export const REPLICATED: Readonly<Record<string, readonly Contender[]>> = {
  nats: [nats(false), nats(true)],
  kafka: [kafka],
};

const RECORD_SIZES_BYTES = [1_024, 100];
const PACES_PER_SECOND = [100, 1_000];

export interface ReplicatedOptions {
  readonly seconds: number;
  readonly warmUp: number;
  readonly rounds: number;
  /** Part names; all of them when empty. */
  readonly only: readonly string[];
  readonly progress: (what: string) => void;
}

/**
 * Millrace and the logs that replicate as it does, three nodes each, in turns on this machine: one runs at a time, is started anew
 * for each round, and does all workloads of the round. A peer that cannot be had here is skipped.
 */
export async function runReplicated(
  peers: readonly string[],
  options: ReplicatedOptions,
): Promise<{ figures: Figure[]; skipped: Skipped[] }> {
  const skipped: Skipped[] = [];
  const contenders = [millrace];
  for (const peer of peers) {
    try {
      const found = REPLICATED[peer] ?? [];
      for (const contender of found) contender.prepare();
      contenders.push(...found);
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      skipped.push({ peer, reason: error.message });
    }
  }
  const samples = new Samples();
  for (let round = 1; round <= options.rounds; round++) {
    // What the machine does meanwhile meets everybody: each round begins with another one.
    const first = (round - 1) % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      options.progress(`round ${round}: ${contender.name}`);
      await attempt(oneRound(contender, samples, options));
    }
  }
  return { figures: samples.figures(millrace.lanes[0]?.name ?? ""), skipped };
}

async function oneRound(contender: Contender, samples: Samples, options: ReplicatedOptions): Promise<void> {
  const does = (part: string): boolean => options.only.length === 0 || options.only.includes(part);
  const measurement = { samples, ...options };
  const running = await contender.start();
  // Servers are the same whatever the lane.
  const servers = contender.lanes.length > 1 ? contender.name : (contender.lanes[0]?.name ?? contender.name);
  try {
    if (does("start-up")) samples.add("Start to the first acknowledged record", servers, running.startUpSeconds, "s");
    if (does("idle")) await attempt(idle(running, servers, measurement));
    for (const recordBytes of does("throughput") ? RECORD_SIZES_BYTES : []) {
      for (const lane of contender.lanes) await attempt(throughput(running, lane, recordBytes, measurement));
    }
    for (const perSecond of does("latency") ? PACES_PER_SECOND : []) {
      for (const lane of contender.lonely) await attempt(latency(running, lane, perSecond, measurement));
    }
    if (does("failover") && contender.lonely[0] !== undefined) {
      await attempt(deaths(running, { ...contender.lonely[0], name: servers }, measurement));
    }
  } finally {
    await running.stop();
  }
}

/** What fails is missing from the figures; the others of a long run are not lost with it. */
async function attempt(measurement: Promise<void>): Promise<void> {
  try {
    await measurement;
  } catch (error) {
    console.error(error);
  }
}
