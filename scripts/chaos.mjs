// Real processes under faults, checked record by record: npm run chaos -- --minutes N [--seed S] [--json FILE]
// Ends with 1 when anything that was acknowledged was lost, repeated or reordered.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
execFileSync(process.execPath, ["scripts/ensure-built.mjs"], { cwd: root, stdio: "inherit" });
const { values } = parseArgs({
  options: { minutes: { type: "string", default: "2" }, seed: { type: "string" }, json: { type: "string" } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
if (!(minutes >= 0) || !Number.isInteger(seed) || seed < 0) {
  console.error("--minutes takes a number, --seed a whole number.");
  process.exit(2);
}
const { runChaos } = await import(new URL("../packages/e2e/dist/index.js", import.meta.url));
console.log(`seed ${seed}, ${minutes} min`);
const report = await runChaos({ minutes, seed, onProgress: (line) => console.log(line) });

const wide = Math.max(...report.faults.map(({ fault }) => fault.length));
console.log(`\n${"fault".padEnd(wide)}  times  median ms  worst ms`);
for (const { fault, times, unavailableMsMedian, unavailableMsWorst } of report.faults) {
  const numbers = [
    String(times).padStart(5),
    String(unavailableMsMedian).padStart(9),
    String(unavailableMsWorst).padStart(8),
  ];
  console.log(`${fault.padEnd(wide)}  ${numbers.join("  ")}`);
}
for (const [fault, why] of Object.entries(report.missing)) console.log(`not tried: ${fault}: ${why}`);
console.log(`\nacknowledged ${report.acknowledged}, failed requests ${report.failedRequests}`, report.failures);
console.log(`lost, repeated or reordered: ${report.violations.length}`);
for (const violation of report.violations) console.log(`  ${violation}`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
process.exitCode = report.violations.length > 0 ? 1 : 0;
