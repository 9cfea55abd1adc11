import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { MIB } from "@millrace/util";
import type { LocalCluster } from "../harness/cluster.ts";

/** `npm run long -- --share 0.1` makes what takes its time a tenth as long. */
export const SHARE = Number(process.env.MILLRACE_LONG ?? "1");

/** Figures are what these tests are for, besides passing. */
export function tell(what: string, figures: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${what}: ${JSON.stringify(figures)}\n`);
}

/** Resident now and at most, in MiB. Zeros when there is no such process. */
export function memoryOf(pid: number): { readonly nowMib: number; readonly peakMib: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const value = (name: string): number =>
      Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1_024);
    return { nowMib: value("VmRSS"), peakMib: value("VmHWM") };
  } catch {
    return { nowMib: 0, peakMib: 0 };
  }
}

/** Of every node: MiB. */
export function memoryByNode(cluster: LocalCluster): Record<string, number> {
  return Object.fromEntries(cluster.nodes().map(({ id, pid }) => [id, memoryOf(pid).nowMib]));
}

/** Of all files below it. */
export function diskMib(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    try {
      bytes += statSync(join(entry.parentPath, entry.name)).blocks * 512;
    } catch {
      // Deleted meanwhile.
    }
  }
  return Math.round(bytes / MIB);
}
