/** As V8 writes it (Chrome DevTools Protocol, Profiler.Profile), as far as it is read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples?: readonly number[];
  /** Microseconds between a sample and the one before. */
  readonly timeDeltas?: readonly number[];
}

export interface ProcessHealth {
  readonly seconds: number;
  readonly eventLoopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly gc: Readonly<Record<string, { readonly count: number; readonly ms: number }>>;
}

export interface Share {
  readonly name: string;
  /** Of the time in which the thread ran. */
  readonly percent: number;
}

export interface Summary {
  /** Of the profile's length. */
  readonly busyPercent: number;
  readonly functions: readonly Share[];
  readonly packages: readonly Share[];
}

const FUNCTIONS = 20;
const PACKAGES = 12;
const IDLE = "(idle)";

/** Self time by function and by package: where a thread is, not what called it. */
export function summarize(profile: CpuProfile): Summary {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, number>();
  const packages = new Map<string, number>();
  let busy = 0;
  let total = 0;
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const frame = frames.get(id);
    const duration = Math.max(0, profile.timeDeltas?.[index] ?? 0);
    if (frame === undefined) continue;
    total += duration;
    if (frame.functionName === IDLE) continue;
    busy += duration;
    const owner = packageOf(frame.url, frame.functionName);
    const name = `${frame.functionName === "" ? "(anonymous)" : frame.functionName}  ${placeOf(frame.url, frame.lineNumber)}`;
    functions.set(name, (functions.get(name) ?? 0) + duration);
    packages.set(owner, (packages.get(owner) ?? 0) + duration);
  }
  return {
    busyPercent: total === 0 ? 0 : (busy / total) * 100,
    functions: largest(functions, busy, FUNCTIONS),
    packages: largest(packages, busy, PACKAGES),
  };
}

export function formatSummary(
  name: string,
  { busyPercent, functions, packages }: Summary,
  health: ProcessHealth,
): string {
  const { eventLoopDelayMs: delay, gc, seconds } = health;
  const gcText = Object.entries(gc).map(([kind, { count, ms }]) => `${kind} ${count} x, ${ms.toFixed(0)} ms`);
  const lines = (shares: readonly Share[]): string[] =>
    shares.map(({ name, percent }) => `  ${percent.toFixed(1).padStart(5)} %  ${name}`);
  return [
    `${name}: ${seconds.toFixed(1)} s, the thread busy ${busyPercent.toFixed(0)} % of it`,
    `  event-loop delay p50 ${delay.p50.toFixed(1)}, p99 ${delay.p99.toFixed(1)}, max ${delay.max.toFixed(0)} ms; GC: ${gcText.join("; ") || "none"}`,
    ...["  by package:", ...lines(packages), "  by function:", ...lines(functions)],
  ].join("\n");
}

function largest(times: ReadonlyMap<string, number>, busy: number, count: number): Share[] {
  return [...times]
    .sort(([, one], [, other]) => other - one)
    .slice(0, count)
    .map(([name, time]) => ({ name, percent: (time / busy) * 100 }));
}

function packageOf(url: string, functionName: string): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "native";
  if (url.startsWith("node:")) return "node";
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules)/.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  return /packages\/([^/]+)\//.exec(url)?.[1] ?? "other";
}

function placeOf(url: string, lineNumber: number): string {
  if (url === "") return "";
  const short = /(?:packages|node_modules)\/(.*)$/.exec(url)?.[1]?.replace("/dist/", "/") ?? url;
  return `${short}:${lineNumber + 1}`;
}
