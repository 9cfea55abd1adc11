// Loaded into every process of a cluster that is profiled (`node --import`). SIGUSR2 begins a profile, the next one ends it and writes
// it down, so that it covers a workload and not the process's whole life, as `node --cpu-prof` does.
import { writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { basename, join } from "node:path";
import { constants, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";

const SAMPLING_INTERVAL_US = 500;
const DELAY_RESOLUTION_MS = 5;
const NANOS_PER_MS = 1e6;

/** Node's types leave the detail out. */
interface GcEntry {
  readonly duration: number;
  readonly detail: { readonly kind: number };
}

const folder = process.env["MILLRACE_BENCH_PROFILES"];
if (folder !== undefined) process.on("SIGUSR2", toggle(folder));

function toggle(directory: string): () => void {
  const session = new Session();
  session.connect();
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  let collections: { readonly kind: string; readonly ms: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as unknown as readonly GcEntry[]) {
      collections.push({ kind: kindOf(entry.detail.kind), ms: entry.duration });
    }
  });
  let isRunning = false;
  let count = 0;
  let startedAt = 0;
  return () => {
    if (!isRunning) {
      collections = [];
      delay.reset();
      delay.enable();
      observer.observe({ entryTypes: ["gc"] });
      session.post("Profiler.enable");
      session.post("Profiler.setSamplingInterval", { interval: SAMPLING_INTERVAL_US });
      session.post("Profiler.start");
      startedAt = performance.now();
    } else {
      const seconds = (performance.now() - startedAt) / 1_000;
      delay.disable();
      observer.disconnect();
      const name = join(directory, `${nodeName()}-${count++}`);
      // Answered at once: the session is this thread's own.
      session.post("Profiler.stop", (error, answer) => {
        if (error === null) writeFileSync(`${name}.cpuprofile`, JSON.stringify(answer.profile));
      });
      const delayMs = (percentile: number): number => delay.percentile(percentile) / NANOS_PER_MS;
      const eventLoopDelayMs = { p50: delayMs(50), p99: delayMs(99), max: delay.max / NANOS_PER_MS };
      writeFileSync(`${name}.json`, `${JSON.stringify({ seconds, eventLoopDelayMs, gc: byKind(collections) })}\n`);
    }
    isRunning = !isRunning;
  };
}

/** The value of --id, or else the program's name. */
function nodeName(): string {
  const at = process.argv.indexOf("--id");
  return at < 0 ? basename(process.argv[1] ?? "node", ".mjs") : (process.argv[at + 1] as string);
}

function byKind(collections: readonly { kind: string; ms: number }[]): Record<string, { count: number; ms: number }> {
  const found: Record<string, { count: number; ms: number }> = {};
  for (const { kind, ms } of collections) {
    const sum = (found[kind] ??= { count: 0, ms: 0 });
    sum.count++;
    sum.ms += ms;
  }
  return found;
}

function kindOf(kind: number): string {
  if (kind === constants.NODE_PERFORMANCE_GC_MINOR) return "minor";
  return kind === constants.NODE_PERFORMANCE_GC_MAJOR ? "major" : "other";
}
