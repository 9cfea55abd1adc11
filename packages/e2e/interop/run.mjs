// Real clients in other languages against a real cluster: node packages/e2e/interop/run.mjs [suite ...]
// A suite whose tools this machine lacks is skipped, by name.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { LocalCluster } from "@millrace/e2e";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const works = (command, ...args) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

const suites = [
  {
    name: "boto3",
    missing: () => (works("python3", "-c", "import boto3") ? undefined : "python3 with boto3 (pip install boto3)"),
    command: (endpoint) => ["python3", here("boto3/check.py"), endpoint],
  },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(`No suite named ${unknown.join(", ")}. There are: ${suites.map((suite) => suite.name).join(", ")}.`);
  process.exit(2);
}
const chosen = suites.filter((suite) => wanted.length === 0 || wanted.includes(suite.name));
const cluster = await LocalCluster.start();
const outcomes = [];
try {
  for (const suite of chosen) {
    const missing = suite.missing();
    if (missing !== undefined) {
      outcomes.push([suite.name, `skipped: needs ${missing}`]);
      continue;
    }
    const [command, ...args] = suite.command(cluster.endpoint);
    const { status } = spawnSync(command, args, { stdio: "inherit" });
    outcomes.push([suite.name, status === 0 ? "passed" : "FAILED"]);
  }
} finally {
  await cluster.destroy();
}
for (const [name, outcome] of outcomes) console.log(`${name.padEnd(12)} ${outcome}`);
process.exitCode = outcomes.some(([, outcome]) => outcome === "FAILED") ? 1 : 0;
