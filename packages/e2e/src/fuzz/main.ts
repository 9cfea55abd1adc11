import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { fuzz } from "./run.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "1" }, seed: { type: "string" } } });
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
console.log(`seed ${seed}`);
let shownAt = 0;
const report = await fuzz({
  seed,
  durationMs: Number(values.minutes) * 60_000,
  onProgress: (line) => {
    if (performance.now() - shownAt < 10_000) return;
    shownAt = performance.now();
    console.log(line);
  },
});
console.log(`${report.requests} requests and ${report.connections} raw connections answered or ended`);
for (const [status, count] of [...report.statuses].toSorted(([a], [b]) => a - b)) console.log(`  ${status}: ${count}`);
console.log(`memory ${report.rssBeforeMib} MiB after warming up, ${report.rssAfterMib} MiB at the end`);
for (const violation of report.violations) console.log(`VIOLATION ${violation}`);
process.exitCode = report.violations.length > 0 ? 1 : 0;
