import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { Profiles } from "./profile/profile.ts";
import { type Figure, formatReport, makeReport, type Skipped } from "./report.ts";
import { runBench } from "./run.ts";
import { runKinesalite } from "./versus/kinesalite.ts";
import { REPLICATED, runReplicated } from "./versus/replicated.ts";

const program = new Command("bench")
  .description("measure a three-zone cluster of real processes on this machine")
  .option("--seconds <n>", "length of each measurement", Number, 8)
  .option("--failover-rounds <n>", "brokers killed", Number, 10)
  .option("--idle-shards <n>", "shards of the larger idle measurement", Number, 500)
  .option("--shards <numbers>", "of the clusters of the workload shards, with commas", "1000,5000")
  .option("--refill-megabytes <n>", "data of the refill of a lost disk", Number, 300)
  .option(
    "--only <names>",
    "workloads, with commas: idle, latency, throughput, reads, propagation, failover, refill, scale-out, overload, control-plane, hops, shards (long: " +
      "only by its name); with --vs: start-up, idle, throughput, latency, failover",
    "",
  )
  .option(
    "--vs <names>",
    "peers to compare with instead, with commas: kinesalite, nats (needs Go), kafka (JDK, Maven)",
    "",
  )
  .option("--rounds <n>", "with --vs: everybody's turns; figures are their medians", Number, 3)
  .option("--warm-up <n>", "with --vs: seconds before each measurement", Number, 5)
  .option("--profile <folder>", "write a CPU profile of each process for each workload there, and a summary")
  .option("--json <file>", "write the figures there as well")
  .parse();
const options = program.opts<{
  seconds: number;
  failoverRounds: number;
  idleShards: number;
  shards: string;
  refillMegabytes: number;
  only: string;
  vs: string;
  rounds: number;
  warmUp: number;
  profile?: string;
  json?: string;
}>();

const listed = (names: string): string[] => names.split(",").filter((name) => name !== "");
const progress = (workload: string): void => console.error(`${workload} …`);
const shardCounts = listed(options.shards).map(Number);
const only = listed(options.only);
const peers = listed(options.vs);
const replicated = peers.filter((name) => name in REPLICATED);
const unknown = peers.filter((name) => name !== "kinesalite" && !(name in REPLICATED));
if (unknown.length > 0) program.error(`no peer ${unknown.join(", ")}`);

const figures: Figure[] = [];
const skipped: Skipped[] = [];
const profiles = options.profile === undefined ? undefined : new Profiles(options.profile);
if (peers.length === 0) figures.push(...(await runBench({ ...options, shardCounts, only, profiles, progress })));
if (peers.includes("kinesalite")) figures.push(...(await runKinesalite(options.rounds, options.seconds, progress)));
if (replicated.length > 0) {
  const found = await runReplicated(replicated, { ...options, only, progress });
  figures.push(...found.figures);
  skipped.push(...found.skipped);
}
const report = makeReport(figures, skipped);
console.log(formatReport(report));
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
