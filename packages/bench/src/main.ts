import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { formatReport, makeReport } from "./report.ts";
import { runBench } from "./run.ts";

const program = new Command("bench")
  .description("measure a three-zone cluster of real processes on this machine")
  .option("--seconds <n>", "length of each measurement", Number, 8)
  .option("--failover-rounds <n>", "brokers killed", Number, 10)
  .option("--idle-shards <n>", "shards of the larger idle measurement", Number, 500)
  .option("--refill-megabytes <n>", "data of the refill of a lost disk", Number, 300)
  .option("--only <names>", "workloads, with commas: idle, latency, throughput, reads, failover, refill", "")
  .option("--json <file>", "write the figures there as well")
  .parse();
const options = program.opts<{
  seconds: number;
  failoverRounds: number;
  idleShards: number;
  refillMegabytes: number;
  only: string;
  json?: string;
}>();

const only = options.only.split(",").filter((name) => name !== "");
const figures = await runBench({ ...options, only, progress: (workload) => console.error(`${workload} …`) });
const report = makeReport(figures);
console.log(formatReport(report));
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
