import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { LocalCluster } from "@millrace/e2e";
import { formatSummary, type CpuProfile, type ProcessHealth, summarize } from "./summary.ts";

const PROFILE_SUFFIX = ".cpuprofile";
const WRITTEN_WITHIN_MS = 3_000;

/** CPU profiles of a cluster's processes while a workload runs. */
export class Profiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = resolve(folder);
  }

  /** What the cluster is started in has the profiler loaded, and nothing else that is started later. */
  async started(start: () => Promise<LocalCluster>): Promise<LocalCluster> {
    const { NODE_OPTIONS } = process.env;
    mkdirSync(this.#folder, { recursive: true });
    process.env["NODE_OPTIONS"] = `${NODE_OPTIONS ?? ""} --import ${new URL("./preload.js", import.meta.url).href}`;
    process.env["MILLRACE_BENCH_PROFILES"] = this.#folder;
    try {
      return await start();
    } finally {
      if (NODE_OPTIONS === undefined) delete process.env["NODE_OPTIONS"];
      else process.env["NODE_OPTIONS"] = NODE_OPTIONS;
      delete process.env["MILLRACE_BENCH_PROFILES"];
    }
  }

  /** Runs a workload; beside the profiles, `<name>.txt` has in words what its processes did meanwhile. */
  async of<T>(name: string, cluster: LocalCluster, run: () => Promise<T>): Promise<T> {
    const before = new Set(readdirSync(this.#folder));
    toggle(cluster);
    const result = await run();
    toggle(cluster);
    await new Promise((done) => setTimeout(done, WRITTEN_WITHIN_MS));
    const added = readdirSync(this.#folder).filter((file) => !before.has(file) && file.endsWith(PROFILE_SUFFIX));
    const summaries = added.sort().map((file) => {
      const health = this.#read<ProcessHealth>(file.replace(PROFILE_SUFFIX, ".json"));
      return formatSummary(file, summarize(this.#read<CpuProfile>(file)), health);
    });
    writeFileSync(join(this.#folder, `${name}.txt`), `${summaries.join("\n\n")}\n`);
    return result;
  }

  // oxlint-disable-next-line no-unnecessary-type-parameters
  #read<Content>(file: string): Content {
    return JSON.parse(readFileSync(join(this.#folder, file), "utf8")) as Content;
  }
}

function toggle(cluster: LocalCluster): void {
  for (const { pid } of cluster.nodes()) if (pid > 0) process.kill(pid, "SIGUSR2");
}
