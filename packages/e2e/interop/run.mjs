// Real clients in other languages against a real cluster: npm run interop -- [suite ...] [--records N] [--write]
// A suite whose tools this machine lacks is skipped, by name. --write puts the outcome into packages/docs/compatibility.md.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LocalCluster } from "@millrace/e2e";
import { writeCompatibility } from "./compatibility.mjs";
import { awsCli, javaProgram, startLeaseStore, works } from "./tools.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  // KCL's records; 100000 take some minutes.
  options: { write: { type: "boolean" }, records: { type: "string", default: "3000" } },
});

/** `prepare` gives the command, or says what is missing. */
const suites = [
  {
    name: "boto3",
    client: "boto3 (Python)",
    prepare: () =>
      works("python3", "-c", "import boto3")
        ? { command: (endpoint) => ["python3", here("boto3/check.py"), endpoint] }
        : { missing: "python3 with boto3 (pip install boto3)" },
  },
  {
    name: "awscli",
    client: "AWS CLI v1",
    prepare: () => {
      if (!works("python3", "--version")) return { missing: "python3" };
      const program = awsCli("1.46.3");
      if (program === undefined) return { missing: "awscli 1.46.3 from PyPI" };
      return { command: (endpoint) => ["python3", here("awscli/check.py"), program, endpoint] };
    },
  },
  {
    name: "go",
    client: "AWS SDK for Go v2",
    prepare: () => {
      if (!works("go", "version")) return { missing: "go" };
      if (!works("go", "-C", here("go"), "mod", "download")) return { missing: "the modules of the SDK for Go v2" };
      return { command: (endpoint) => ["go", "-C", here("go"), "run", ".", endpoint] };
    },
  },
  ...["polling", "fan-out"].map((mode) => ({
    name: `kcl-${mode}`,
    client: `KCL 2.7 (AWS SDK for Java v2), ${mode}`,
    prepare: async () => {
      if (!works("javac", "-version") || !works("mvn", "-version")) return { missing: "a JDK and Maven" };
      const classPath = javaProgram("kcl", here("kcl/pom.xml"), here("kcl/src/main/java/KclCheck.java"));
      if (classPath === undefined) return { missing: "amazon-kinesis-client from Maven" };
      const leases = await startLeaseStore("4.0.0");
      if (leases === undefined) return { missing: "dynalite 4.0.0 from npm" };
      const quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error";
      return {
        command: (endpoint) => [
          ...["java", quiet, "-cp", classPath, "KclCheck", endpoint, leases.endpoint, mode, values.records],
        ],
        stop: leases.stop,
      };
    },
  })),
];

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
    const { missing, command, stop } = await suite.prepare();
    if (missing !== undefined) {
      outcomes.push({ suite, outcome: `skipped: needs ${missing}`, checks: [] });
      continue;
    }
    console.log(`--- ${suite.name}`);
    const { status, checks } = await runChecks(command(cluster.endpoint));
    stop?.();
    outcomes.push({ suite, outcome: status === 0 ? "passed" : "FAILED", checks });
  }
} finally {
  await cluster.destroy();
}
for (const { suite, outcome } of outcomes) console.log(`${suite.name.padEnd(12)} ${outcome}`);
if (values.write === true)
  writeCompatibility(outcomes, JSON.parse(readFileSync(here("../../../package.json"), "utf8")).version);
process.exitCode = outcomes.some(({ outcome }) => outcome === "FAILED") ? 1 : 0;

/** Shows what the suite prints, and keeps its lines of checks. */
async function runChecks([command, ...args]) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  const status = await new Promise((resolve) => child.once("exit", resolve));
  const checks = output.split("\n").flatMap((line) => /^ok {4,5}(.+?)\s*$/.exec(line)?.[1] ?? []);
  return { status, checks };
}
