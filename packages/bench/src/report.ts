import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";

export interface Figure {
  readonly workload: string;
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** What `value` is the median of. */
  readonly rounds?: readonly number[];
}

/** A peer that this machine cannot build or run. */
export interface Skipped {
  readonly peer: string;
  readonly reason: string;
}

export interface Report {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly node: string;
  readonly figures: readonly Figure[];
  readonly skipped?: readonly Skipped[];
}

export function makeReport(figures: readonly Figure[], skipped: readonly Skipped[] = []): Report {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  return {
    date: new Date().toISOString(),
    commit: commit(),
    machine: `${cpus().length} cores, ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    figures,
    ...(skipped.length > 0 ? { skipped } : {}),
  };
}

function commit(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}

export function formatReport(report: Report): string {
  const width = Math.max(...report.figures.map((figure) => figure.workload.length));
  const nameWidth = Math.max(34, ...report.figures.map(({ figure }) => figure.length));
  const lines: string[] = [`${report.date}  commit ${report.commit}  ${report.machine}  Node ${report.node}`, ""];
  let before = "";
  for (const { workload, figure, value, unit, rounds } of report.figures) {
    const name = workload === before ? "" : workload;
    before = workload;
    const line = `${name.padEnd(width)}  ${figure.padEnd(nameWidth)} ${round(value).padStart(10)} ${unit}`.trimEnd();
    lines.push(line + spread(rounds));
  }
  for (const { peer, reason } of report.skipped ?? []) lines.push(`skipped: ${peer} (${reason})`);
  return lines.join("\n");
}

function spread(rounds: readonly number[] = []): string {
  return rounds.length < 2 ? "" : ` (${round(Math.min(...rounds))} to ${round(Math.max(...rounds))})`;
}

function round(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
