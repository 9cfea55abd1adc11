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
  return lines.join("\n");
}

/** For programs: maps as objects. */
export function asJson(totals: Totals): Record<string, unknown> {
  const plain = MAPS.map((name) => [name, Object.fromEntries(totals[name])]);
  return { ...totals, ...(Object.fromEntries(plain) as Record<string, unknown>) };
}
