import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100; // sysconf(_SC_CLK_TCK) on every Linux that Node runs on

export interface Usage {
  readonly cpuSeconds: number;
  readonly rssMb: number;
  /** Bytes that the process caused to be sent to the disk. */
  readonly writtenMb: number;
}

/** Linux only: elsewhere all figures are 0. */
export function usageOf(pid: number): Usage {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    const cpuTicks = Number(fields[11]) + Number(fields[12]);
    const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
    const written = /^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1] ?? "0";
    return { cpuSeconds: cpuTicks / TICKS_PER_SECOND, rssMb: Number(rss) / 1024, writtenMb: Number(written) / 1e6 };
  } catch {
    return { cpuSeconds: 0, rssMb: 0, writtenMb: 0 };
  }
}

export function totalUsage(pids: readonly number[]): Usage {
  const all = pids.map(usageOf);
  const sum = (pick: (usage: Usage) => number): number => all.reduce((total, usage) => total + pick(usage), 0);
  return { cpuSeconds: sum((u) => u.cpuSeconds), rssMb: sum((u) => u.rssMb), writtenMb: sum((u) => u.writtenMb) };
}
