// Real processes under faults, checked record by record: npm run chaos -- --minutes N [--seed S] [--json FILE]
// Ends with 1 when anything that was acknowledged was lost, repeated or reordered. With --adversity [--svg FILE]: one state after another
// (leaders killed, a zone cut off, reshards, …) under the same load, and what writers got in each.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chart, table } from "./chaos-adversity.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
execFileSync(process.execPath, ["scripts/ensure-built.mjs"], { cwd: root, stdio: "inherit" });
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "2" },
    seed: { type: "string" },
    json: { type: "string" },
    adversity: { type: "boolean", default: false },
    svg: { type: "string" },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
if (!(minutes >= 0) || !Number.isInteger(seed) || seed < 0) {
  console.error("--minutes takes a number, --seed a whole number.");
  process.exit(2);
}
const { runAdversity, runChaos } = await import(new URL("../packages/e2e/dist/index.js", import.meta.url));
console.log(`seed ${seed}, ${minutes} min`);
const options = { minutes, seed, onProgress: (line) => console.log(line) };
const report = values.adversity ? await runAdversity(options) : await runChaos(options);

console.log(`\n${values.adversity ? table(report.states) : faultTable(report.faults)}`);
for (const [what, why] of Object.entries(report.missing)) console.log(`not tried: ${what}: ${why}`);
console.log(`\nacknowledged ${report.acknowledged}`);
if (!values.adversity) console.log(`failed requests ${report.failedRequests}`, report.failures);
console.log(`lost, repeated or reordered: ${report.violations.length}`);
for (const violation of report.violations) console.log(`  ${violation}`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
if (values.svg !== undefined && values.adversity) writeFileSync(values.svg, chart(report));
process.exitCode = report.violations.length > 0 ? 1 : 0;

function faultTable(faults) {
  const wide = Math.max(...faults.map(({ fault }) => fault.length));
  const lines = faults.map(({ fault, times, unavailableMsMedian, unavailableMsWorst }) => {
    const numbers = [String(times).padStart(5), String(unavailableMsMedian).padStart(9)];
    return [fault.padEnd(wide), ...numbers, String(unavailableMsWorst).padStart(8)].join("  ");
  });
  return [`${"fault".padEnd(wide)}  times  median ms  worst ms`, ...lines].join("\n");
}
