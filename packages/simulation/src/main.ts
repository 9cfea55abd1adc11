import { appendFileSync, writeFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { type LifeOptions, type LifeResult, runLife } from "./life.ts";
import { add, asJson, describe, noTotals } from "./report.ts";
import { shrink } from "./shrink.ts";
import { Timeline } from "./timeline.ts";

interface Flags {
  readonly seeds: number;
  readonly seed: string | undefined;
  readonly from: number;
  readonly minutes: number;
  readonly trace: boolean;
  readonly twice: number;
  readonly json: string | undefined;
  readonly histories: string | undefined;
  readonly failpoints: "on" | "off" | undefined;
  readonly gray: boolean;
  readonly groups: boolean;
  readonly calm: boolean;
  readonly plain: boolean;
}

const COLUMNS = ["1", "2", "3"].map((number) => [`controller-${number}`, `broker-${number}`, `gateway-${number}`]);
const FAILURES_SHOWN_MAX = 10;
const STRAY_MAX = 20;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError("It takes a whole number.");
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It takes a number above 0.");
  return value;
}

const program = new Command("simulate")
  .description("Whole clusters in simulated worlds, one for each seed, and every promise checked.")
  .option("--seeds <n>", "how many seeds", wholeNumber, 100)
  .option("--from <n>", "the first of them", wholeNumber, 1)
  .option("--seed <text>", "this one only")
  .option("--minutes <n>", "how long faults and load go on, in simulated time", positive, 0.5)
  .option("--trace", "prints what happens", false)
  .option("--twice <n>", "one seed in so many is run again, and must do the same", wholeNumber, 100)
  .option("--json <file>", "the totals, for programs")
  .addOption(
    new Option(
      "--failpoints <which>",
      "whether processes die at named places; drawn for each life unless given",
    ).choices(["on", "off"]),
  )
  .option("--no-gray", "without machines that hardly get on, as lives were before there were any")
  .option("--no-groups", "without consumer groups, as lives were before there were any")
  .option("--no-calm", "without clients that rest long, as lives were before there were any")
  .option("--plain", "only the faults that the oldest seeds drew from", false)
  .option("--histories <file>", "appends what clients were told of consumers, a JSON object a line");

/** Exit status 1: a promise was broken, or a seed did not do the same again. */
export function simulate(args: readonly string[]): void {
  program.parse(args as string[], { from: "user" });
  const flags = program.opts<Flags>();
  const stray: string[] = [];
  process.on("unhandledRejection", (error) => {
    if (stray.length < STRAY_MAX) stray.push((error as Error).stack ?? String(error));
  });
  // Each life starts in a turn of its own: only there can its microtasks be run out.
  setImmediate(() => run(flags, stray));
}

function run(flags: Flags, stray: readonly string[]): void {
  const own = {
    durationMs: flags.minutes * 60_000,
    isPlain: flags.plain,
    grayFaults: flags.gray,
    consumerGroups: flags.groups && !flags.plain,
    calmClients: flags.calm && !flags.plain,
    ...(flags.failpoints === undefined ? {} : { failpointCrashes: flags.failpoints === "on" }),
  };
  if (flags.seed !== undefined) {
    one({ seed: flags.seed, ...own }, flags.trace);
    return;
  }
  const totals = noTotals();
  const failures: LifeOptions[] = [];
  let divergences = 0;
  let realMs = 0;
  const last = flags.from + flags.seeds - 1;
  let strayBefore = 0;
  const next = (seed: number): void => {
    // Node tells of rejections after the turn in which they were left alone.
    if (stray.length > strayBefore)
      console.log(`seed ${seed - 1}: a promise was rejected, and nobody cared: ${stray.at(-1)}`);
    strayBefore = stray.length;
    if (seed > last) {
      finish();
      return;
    }
    const options = { seed: String(seed), ...own };
    const before = performance.now();
    const result = runLife(options);
    realMs += performance.now() - before;
    add(totals, result);
    if (flags.histories !== undefined) appendHistory(flags.histories, result);
    if (result.violations.length > 0) {
      failures.push(options);
      console.log(`seed ${seed}: ${result.violations.length} violations\n  ${result.violations[0]}`);
    }
    if (flags.twice > 0 && seed % flags.twice === 0 && runLife(options).traceHash !== result.traceHash) {
      divergences++;
      console.log(`seed ${seed}: another run of it did something else`);
    }
    setImmediate(next, seed + 1);
  };
  const failpoints = flags.failpoints === undefined ? "" : ` --failpoints ${flags.failpoints}`;
  const same = `${failpoints}${flags.groups ? "" : " --no-groups"}${flags.gray ? "" : " --no-gray"}${flags.calm ? "" : " --no-calm"}${flags.plain ? " --plain" : ""}`;
  const finish = (): void => {
    console.log(`${describe(totals, realMs)}\n`);
    for (const options of failures.slice(0, FAILURES_SHOWN_MAX)) {
      const { durationMs: shortestMs, result } = shrink(options);
      console.log(
        `seed ${options.seed} fails after ${shortestMs} ms: npm run simulate -- --seed ${options.seed} --minutes ${shortestMs / 60_000}${same} --trace`,
      );
      for (const violation of result.violations) console.log(`  ${violation}`);
    }
    const isBad = failures.length > 0 || divergences > 0 || stray.length > 0;
    console.log(
      isBad
        ? `FAILED: ${failures.length} seeds, ${divergences} divergences, ${stray.length} stray rejections`
        : "no violation",
    );
    const json = { ...asJson(totals), realMs, divergences, failedSeeds: failures.map(({ seed }) => seed) };
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(json, undefined, 2)}\n`);
    process.exitCode = isBad ? 1 : 0;
  };
  next(flags.from);
}

/** An end that was not heard of is absent. */
function appendHistory(file: string, { seed, consumerCalls }: LifeResult): void {
  const lines = consumerCalls.map(({ returnedAt, ...call }) => {
    const end = Number.isFinite(returnedAt) ? { returnedAt } : {};
    return `${JSON.stringify({ life: seed, ...call, ...end })}\n`;
  });
  appendFileSync(file, lines.join(""));
}

function one(options: LifeOptions, isTraced: boolean): void {
  const timeline = new Timeline();
  const before = performance.now();
  const result = runLife({ ...options, log: timeline.add });
  const totals = noTotals();
  add(totals, result);
  if (isTraced || result.violations.length > 0) console.log(`${timeline.describe(COLUMNS)}\n`);
  console.log(describe(totals, performance.now() - before));
  console.log(`\ntrace ${result.traceHash} over ${result.events} events`);
  for (const violation of result.violations) console.log(`VIOLATION ${violation}`);
  process.exitCode = result.violations.length > 0 ? 1 : 0;
}
