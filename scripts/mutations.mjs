// Can the simulation fail? npm run mutations -- [--seeds N] [--only TEXT] [--first] [--minutes M] [--jobs N] [--json FILE]
// Plants each bug of scripts/mutations/list.mjs and counts the seeds that notice it. Ends with 1 when one is noticed by none.
import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTATIONS } from "./mutations/list.mjs";

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
        resolve({ name, ...JSON.parse(output.trim().split("\n").at(-1)) });
      } catch {
        resolve({ name, lives: 0, caught: [], example: `it did not run: ${errors.slice(-500)}` });
      }
    });
  });
}

const queue = MUTATIONS.filter(({ name }) => name.includes(values.only));
const results = [];
async function work() {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const result = await live(next.name);
    results.push(result);
    const { name, lives, caught, example = "" } = result;
    console.log(
      `${caught.length > 0 ? "caught" : "MISSED"}  ${caught.length} of ${lives} seeds  ${name}\n        ${example.slice(0, 160)}`,
    );
  }
}
await Promise.all(Array.from({ length: Number(values.jobs) }, work));
const missed = results.filter(({ caught }) => caught.length === 0);
console.log(`\n${results.length - missed.length} of ${results.length} planted bugs caught`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
process.exitCode = missed.length > 0 ? 1 : 0;
