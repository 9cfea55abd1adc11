// Can the simulation fail? npm run mutations -- [--seeds N] [--only TEXT] [--first] [--minutes M] [--jobs N] [--json FILE] [--write]
// Plants each bug of scripts/mutations/list.mjs and counts the seeds that notice it. Ends with 1 when nothing notices one.
// --json keeps what FILE knows of bugs that are not tried now; --write makes packages/docs/mutations.md of the same.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { format } from "prettier";
import { MUTATIONS } from "./mutations/list.mjs";
import { checkOf, markdownOf, rowsOf } from "./mutations/table.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
execFileSync(process.execPath, ["scripts/ensure-built.mjs"], { cwd: root, stdio: "inherit" });
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "30" },
    from: { type: "string", default: "1" },
    minutes: { type: "string", default: "0.5" },
    only: { type: "string", default: "" },
    first: { type: "boolean", default: false },
    jobs: { type: "string", default: String(availableParallelism()) },
    json: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

function live(name) {
  return new Promise((resolve) => {
    const env = { ...process.env, MUTATION: name, SEEDS: values.seeds, FROM: values.from, MINUTES: values.minutes };
    if (values.first) env.FIRST = "1";
    const child = spawn(process.execPath, ["scripts/mutations/live.mjs"], {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("close", () => {
      try {
        resolve({ name, from: Number(values.from), ...JSON.parse(output.trim().split("\n").at(-1)) });
      } catch {
        resolve({ name, lives: 0, caught: [], example: `it did not run: ${errors.slice(-500)}` });
      }
    });
  });
}

const queue = MUTATIONS.filter(({ name }) => name.includes(values.only));
const results = [];

function isCaught({ caught, scenario }) {
  return caught.length > 0 || scenario === true;
}

async function work() {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const result = await live(next.name);
    results.push(result);
    const { name, lives, caught, scenario, example = "" } = result;
    const played = scenario === undefined ? "" : `, its scenario ${scenario ? "too" : "not"}`;
    console.log(
      `${isCaught(result) ? "caught" : "MISSED"}  ${caught.length} of ${lives} seeds${played}  ${name}\n        ${example.slice(0, 160)}`,
    );
  }
}
await Promise.all(Array.from({ length: Number(values.jobs) }, work));

const isKnown = values.json !== undefined && existsSync(values.json);
const before = isKnown ? JSON.parse(readFileSync(values.json, "utf8")) : [];
const names = new Set(results.map(({ name }) => name));
const all = [...before.filter(({ name }) => !names.has(name)), ...results].map((result) =>
  result.example === undefined ? result : { ...result, check: checkOf(result.example) },
);
console.table(rowsOf(all).map(([bug, lives, scenario, check]) => ({ bug, lives, scenario, check })));
const missed = results.filter((result) => !isCaught(result));
console.log(`\n${results.length - missed.length} of ${results.length} planted bugs caught`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(all, undefined, 2)}\n`);
if (values.write) {
  const text = await format(markdownOf(all), { parser: "markdown", printWidth: 120 });
  writeFileSync(`${root}packages/docs/mutations.md`, text);
}
process.exitCode = missed.length > 0 ? 1 : 0;
