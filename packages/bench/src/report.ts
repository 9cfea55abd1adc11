import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";

export interface Figure {
  readonly workload: string;
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
}

export interface Report {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly node: string;
  readonly figures: readonly Figure[];
}

export function makeReport(figures: readonly Figure[]): Report {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  return {
    date: new Date().toISOString(),
    commit: commit(),
    machine: `${cpus().length} cores, ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    figures,
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
  const lines: string[] = [`${report.date}  commit ${report.commit}  ${report.machine}  Node ${report.node}`, ""];
  let before = "";
  for (const { workload, figure, value, unit } of report.figures) {
    const name = workload === before ? "" : workload;
    before = workload;
    lines.push(`${name.padEnd(width)}  ${figure.padEnd(34)} ${round(value).padStart(10)} ${unit}`);
  }
  return lines.join("\n");
}

function round(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
