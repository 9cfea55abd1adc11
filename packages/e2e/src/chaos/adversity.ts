import { createStream, Ledger } from "@millrace/verifier";
import { eventually } from "../harness/cluster.ts";
import { ExtraBroker, millrace } from "../harness/extra-broker.ts";
import { type Fault, type Pick, seededPick } from "./fault.ts";
import { FAULTS } from "./faults.ts";
import { type ChaosWorld, FRAIL_BROKER, makeWorld } from "./world.ts";

export interface AdversityOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly onProgress: (line: string) => void;
}

/** What writers get while the cluster is in one state. */
export interface StateReport {
  readonly state: string;
  /** Since the run began. */
  readonly fromS: number;
  readonly seconds: number;
  /** How often that happened which the state is named for. */
  readonly times: number;
  readonly recordsPerSecond: number;
  readonly putMsP50: number;
  readonly putMsP99: number;
  readonly unavailableMs: number;
  readonly failedRequests: number;
}

export interface AdversityReport {
  readonly seed: number;
  readonly states: readonly StateReport[];
  /** Acknowledged records of each second of the run. */
  readonly perSecond: readonly number[];
  readonly missing: Readonly<Record<string, string>>;
  readonly acknowledged: number;
  readonly violations: readonly string[];
}

const STREAM = "adversity";
const SHARD_COUNT = 6;
const WRITERS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const RECORDS_PER_PUT = 50;
const HEALTHY_WITHIN_MS = 120_000;
const VIOLATIONS_SHOWN_MAX = 50;

interface State {
  readonly name: string;
  /** Undefined: nothing is done. */
  readonly fault?: Fault;
}

const faultNamed = (name: string): Fault => {
  const found = FAULTS.find((fault) => fault.name === name);
  if (found === undefined) throw new Error(`no fault is named ${name}`);
  return found;
};

/** Another broker of its zone takes its replicas, and gives them back. */
const drain: Fault = {
  name: "drain a broker",
  run: async ({ cluster }) => {
    const other = new ExtraBroker(cluster, "broker-4", "az-c");
    try {
      await eventually(async () => (await millrace(cluster, "status")).includes(other.id), 20_000);
      await millrace(cluster, "broker", "drain", FRAIL_BROKER, "--wait");
      await millrace(cluster, "broker", "undrain", FRAIL_BROKER);
      await millrace(cluster, "broker", "drain", other.id, "--wait");
    } finally {
      await other.end("SIGTERM");
    }
    await millrace(cluster, "broker", "remove", other.id);
  },
};

const STATES: readonly State[] = [
  { name: "nothing" },
  { name: "leaders are killed", fault: faultNamed("kill a shard leader") },
  { name: "a zone is cut off", fault: faultNamed("cut off the zone of a shard leader") },
  { name: "a broker stands still", fault: faultNamed("pause a broker for five seconds") },
  { name: "a disk is full", fault: faultNamed("fill a broker's disk") },
  { name: "a disk is lost", fault: faultNamed("lose a broker's folder") },
  { name: "reshards, leaders killed", fault: faultNamed("kill a shard leader during a reshard") },
  { name: "a broker drains", fault: drain },
  { name: "rolling restart", fault: faultNamed("stop and start the brokers one by one") },
  { name: "nothing again" },
];

/** One state after another under the same load, each for its share of the time; then every shard is compared with what was acknowledged. */
export async function runAdversity({ minutes, seed, onProgress }: AdversityOptions): Promise<AdversityReport> {
  const { world, destroy } = await makeWorld(STREAM);
  try {
    await createStream(world.client, STREAM, SHARD_COUNT);
    const ledger = new Ledger(STREAM);
    const stop = new AbortController();
    const writing = WRITERS.map((name) => ledger.write(world.cluster.client(), name, RECORDS_PER_PUT, stop.signal));
    const startedAt = performance.now();
    const perSecond: number[] = [];
    let counted = 0;
    const timer = setInterval(() => {
      perSecond.push(ledger.acknowledgedCount - counted);
      counted = ledger.acknowledgedCount;
    }, 1_000);
    const states: StateReport[] = [];
    const missing: Record<string, string> = {};
    const pick = seededPick(seed);
    try {
      for (const state of STATES) {
        const why = state.fault?.missing?.(world);
        if (why !== undefined) {
          missing[state.name] = why;
          continue;
        }
        const fromS = Math.round((performance.now() - startedAt) / 1_000);
        const report = { fromS, ...(await during(state, world, ledger, (minutes * 60_000) / STATES.length, pick)) };
        states.push(report);
        onProgress(`${state.name}: ${JSON.stringify(report)}`);
      }
    } finally {
      clearInterval(timer);
      stop.abort();
      await Promise.all(writing);
    }
    const violations = (await ledger.verify(world.client)).slice(0, VIOLATIONS_SHOWN_MAX);
    return { seed, states, perSecond, missing, acknowledged: ledger.acknowledgedCount, violations };
  } finally {
    await destroy();
  }
}

async function during({ name, fault }: State, world: ChaosWorld, ledger: Ledger, durationMs: number, pick: Pick) {
  const startedAt = performance.now();
  const [acknowledged, failed] = [ledger.acknowledgedCount, ledger.failedRequests];
  const gapsMs: number[] = [];
  ledger.onGap = (gapMs) => gapsMs.push(gapMs);
  let times = 0;
  do {
    if (fault === undefined) await new Promise((resolve) => setTimeout(resolve, durationMs));
    else {
      await fault.run(world, pick);
      await world.cluster.healthy(HEALTHY_WITHIN_MS);
      times++;
    }
  } while (performance.now() - startedAt < durationMs);
  const seconds = (performance.now() - startedAt) / 1_000;
  gapsMs.sort((a, b) => a - b);
  const at = (share: number): number => Math.round(gapsMs[Math.floor((gapsMs.length - 1) * share)] ?? 0);
  return {
    state: name,
    seconds: Math.round(seconds),
    times,
    recordsPerSecond: Math.round((ledger.acknowledgedCount - acknowledged) / seconds),
    putMsP50: at(0.5),
    putMsP99: at(0.99),
    unavailableMs: at(1),
    failedRequests: ledger.failedRequests - failed,
  };
}
