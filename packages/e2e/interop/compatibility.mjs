// packages/docs/compatibility.md, from the kept results: one file for each suite, the latest that was run with --write.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "prettier";
import { NOT_TRIED } from "./suites.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const PAGE = here("../../docs/compatibility.md");
const STYLE = { printWidth: 120 };
const fileOf = (name) => here(`results/${name}.json`);

/** A skipped suite takes nothing from what another machine found out. */
export async function keepResult(result) {
  mkdirSync(here("results"), { recursive: true });
  const file = fileOf(result.name);
  if (result.outcome.startsWith("skipped") && existsSync(file)) return;
  writeFileSync(file, await format(JSON.stringify(result), { ...STYLE, parser: "json" }));
}

export async function writeCompatibility(suites, operations, version) {
  const results = suites.map(({ name, client }) =>
    existsSync(fileOf(name))
      ? { ...JSON.parse(readFileSync(fileOf(name), "utf8")), client }
      : { name, client, outcome: "not run", version: "", checks: [], lacks: [], requests: {} },
  );
  const tried = results.filter(({ checks }) => checks.length > 0);
  const lines = [
    "# Clients that were tried",
    "",
    `Made by \`npm run interop -- --write\`, version ${version}: real clients against a real three-zone cluster.`,
    "",
    ...outcomes(results),
    "",
    ...suites.flatMap(({ name, remark }) => (remark === undefined ? [] : [`- ${name}: ${remark}.`])),
    "",
    "Not tried:",
    "",
    ...NOT_TRIED.map((what) => `- ${what}.`),
    "",
    "## Operations",
    "",
    "What each client called, as the gateway counted it while the client's own checks passed. **✓**: answered; **e**: only errors",
    "came of it; **–**: this version of the client has no such operation; empty: the client did not call it. KCL, KPL and Flink had",
    "a gateway to themselves: what is counted is what they call, not what their drivers do to set the stage. KCL's leases were in",
    "DynamoDB Local.",
    "",
    ...operationTable(tried, operations),
    "",
    `In Kinesis's model, not in Millrace: ${operations.missing.join(", ")}.`,
    "",
    "## Checks",
    "",
    "What each client found right, by the words of its driver in `packages/e2e/interop`.",
    "",
    ...checkList(tried),
  ];
  writeFileSync(PAGE, await format(lines.join("\n"), { ...STYLE, parser: "markdown" }));
}

function outcomes(results) {
  const rows = results.map(({ client, version, outcome, note }) => {
    const noted = note ? `${outcome}: ${note}` : outcome;
    return `| ${client} | ${version} | ${noted} |`;
  });
  return ["| client | version | outcome |", "| --- | --- | --- |", ...rows];
}

function operationTable(results, { implemented }) {
  const row = (cells) => `| ${cells.join(" | ")} |`;
  const cell = ({ requests, lacks, outcome }, operation) => {
    const seen = requests[operation];
    if (lacks.includes(operation)) return "–";
    if (seen === undefined) return "";
    return seen === "ok" && outcome === "passed" ? "✓" : "e";
  };
  return [
    row(["operation", ...results.map(({ name }) => name)]),
    row(["---", ...results.map(() => ":-:")]),
    ...implemented.map((operation) => row([operation, ...results.map((result) => cell(result, operation))])),
  ];
}

/** A line for each check, with those that passed it. */
function checkList(results) {
  const clients = new Map();
  for (const { name, checks } of results) {
    for (const check of new Set(checks)) clients.set(check, [...(clients.get(check) ?? []), name]);
  }
  const all = [...clients].toSorted(([, a], [, b]) => b.length - a.length);
  return all.map(([check, names]) => `- ${check}: ${names.join(", ")}`);
}
