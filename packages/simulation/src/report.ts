import { FAILPOINT_NAMES, type FailpointName } from "@millrace/util";
import type { FailpointCount, FailpointCounts } from "./faults/failpoints.ts";
import type { LifeResult } from "./life.ts";

/** What many lives add up to. */
export interface Totals {
  lives: number;
  failed: number;
  simulatedMs: number;
  events: number;
  put: number;
  acknowledged: number;
  observations: number;
  recordsRead: number;
  readonly operations: Map<string, number>;
  readonly faults: Map<string, number>;
  readonly rare: Map<string, number>;
  readonly exits: Map<string, number>;
  readonly failedAttempts: Map<string, number>;
  readonly failpoints: FailpointCounts;
}

export function noTotals(): Totals {
  return {
    lives: 0,
    failed: 0,
    simulatedMs: 0,
    events: 0,
    put: 0,
    acknowledged: 0,
    observations: 0,
    recordsRead: 0,
    operations: new Map(),
    faults: new Map(),
    rare: new Map(),
    exits: new Map(),
    failedAttempts: new Map(),
    failpoints: new Map(),
  };
}

const MAPS = ["operations", "faults", "rare", "exits", "failedAttempts"] as const;
const SUMS = ["simulatedMs", "events", "put", "acknowledged", "observations", "recordsRead"] as const;

export function add(totals: Totals, life: LifeResult): void {
  totals.lives++;
  if (life.violations.length > 0) totals.failed++;
  for (const name of SUMS) totals[name] += life[name];
  for (const name of MAPS) {
    for (const [key, count] of life[name]) totals[name].set(key, (totals[name].get(key) ?? 0) + count);
  }
  for (const [name, { hits, crashes }] of life.failpoints) {
    const sum = countOf(totals, name);
    totals.failpoints.set(name, { hits: sum.hits + hits, crashes: sum.crashes + crashes });
  }
}

function countOf({ failpoints }: Totals, name: FailpointName): FailpointCount {
  return failpoints.get(name) ?? { hits: 0, crashes: 0 };
}

/** Places of the code that no process has passed. */
export function neverPassed(totals: Totals): FailpointName[] {
  return FAILPOINT_NAMES.filter((name) => countOf(totals, name).hits === 0);
}

const HOUR_MS = 3_600_000;

/** For people. `realMs` is what it took, on one core. */
export function describe(totals: Totals, realMs: number): string {
  const lines = [
    `lives                 ${totals.lives}, ${totals.failed} of them with violations`,
    `simulated             ${(totals.simulatedMs / HOUR_MS).toFixed(2)} cluster-hours, ${Math.round(totals.simulatedMs / realMs)} x real time`,
    `speed                 ${(totals.lives / (realMs / 1_000)).toFixed(2)} seeds a second, ${Math.round(totals.events / (realMs / 1_000))} events a second`,
    `records               ${totals.put} put, ${totals.acknowledged} acknowledged, ${totals.recordsRead} read in ${totals.observations} readings`,
  ];
  const titles: Record<(typeof MAPS)[number], string> = {
    operations: "operations on streams",
    faults: "faults",
    rare: "rare events",
    exits: "processes that ended themselves",
    failedAttempts: "failed attempts of clients",
  };
  for (const name of MAPS) {
    if (totals[name].size === 0) continue;
    lines.push(`\n${titles[name]}`);
    const sorted = [...totals[name]].toSorted(([one], [other]) => (one < other ? -1 : 1));
    for (const [key, count] of sorted) lines.push(`  ${String(count).padStart(8)}  ${key}`);
  }
  return [...lines, ...describeFailpoints(totals)].join("\n");
}

function describeFailpoints(totals: Totals): string[] {
  const never = neverPassed(totals);
  const rows = FAILPOINT_NAMES.filter((name) => !never.includes(name)).map((name) => {
    const { hits, crashes } = countOf(totals, name);
    return `  ${String(hits).padStart(8)}  ${String(crashes).padStart(6)}  ${name}`;
  });
  return ["\nfailpoints: passed, died at", ...rows, ...(never.length > 0 ? [`never passed: ${never.join(", ")}`] : [])];
}

/** For programs: maps as objects. */
export function asJson(totals: Totals): Record<string, unknown> {
  const plain = MAPS.map((name) => [name, Object.fromEntries(totals[name])]);
  const failpoints = Object.fromEntries(FAILPOINT_NAMES.map((name) => [name, countOf(totals, name)]));
  return { ...totals, ...Object.fromEntries(plain), failpoints, failpointsNeverPassed: neverPassed(totals) };
}
