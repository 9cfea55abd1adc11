// Real clients in other languages against a real cluster: npm run interop -- [--only suite,…] [--records N] [--write]
// A suite whose tools this machine lacks is skipped, by name. --write keeps the outcome in results/ and makes
// packages/docs/compatibility.md of all that is kept there.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LocalCluster } from "@millrace/e2e";
import { keepResult, writeCompatibility } from "./compatibility.mjs";
import { runDriver } from "./driver.mjs";
import { operationsOf, RequestCount } from "./requests.mjs";
import { SUITES } from "./suites.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string" },
    write: { type: "boolean" },
    // What KCL reads; 100000 take some minutes.
    records: { type: "string", default: "3000" },
  },
});
const wanted = [...positionals, ...(values.only?.split(",") ?? [])];
const chosen = SUITES.filter(({ name }) => wanted.length === 0 || wanted.some((word) => isMeant(word, name)));
const unknown = wanted.filter((word) => !SUITES.some(({ name }) => isMeant(word, name)));
if (unknown.length > 0) {
  console.error(`No suite named ${unknown.join(", ")}. There are: ${SUITES.map(({ name }) => name).join(", ")}.`);
  process.exit(2);
}

const root = new URL("../../../", import.meta.url);
const { version } = JSON.parse(readFileSync(fileURLToPath(new URL("package.json", root)), "utf8"));
const cluster = await LocalCluster.start();
const results = [];
let operations;
try {
  operations = await operationsOf(cluster.endpoint);
  for (const suite of chosen) results.push(await runSuite(suite).catch((error) => failed(suite, error)));
} finally {
  await cluster.destroy();
}
for (const { name, outcome } of results) console.log(`${name.padEnd(16)} ${outcome}`);
if (values.write === true) {
  for (const result of results) await keepResult(result);
  await writeCompatibility(SUITES, operations, version);
}
process.exitCode = results.some(({ outcome }) => outcome === "FAILED") ? 1 : 0;

/** `kcl` means each of KCL's suites. */
function isMeant(word, name) {
  return name === word || name.startsWith(`${word}-`);
}

/** What went wrong was not the client's: a driver that does not compile, a store that does not start. */
function failed({ name, client }, error) {
  console.error(error);
  return { name, client, outcome: "FAILED", version: "", checks: [], lacks: [], requests: {} };
}

function gatewaysOf(cluster) {
  const gateways = cluster.nodes().filter(({ role }) => role === "gateway");
  return gateways.map(({ adminAddress }) => adminAddress);
}

async function runSuite({ name, client, prepare }) {
  console.log(`--- ${name}`);
  const prepared = await prepare({ cluster, records: values.records });
  if (prepared.missing !== undefined) {
    const outcome = `skipped: needs ${prepared.missing}`;
    return { name, client, outcome, version: "", checks: [], lacks: [], requests: {} };
  }
  try {
    const requests = await RequestCount.from(() => prepared.counted ?? gatewaysOf(cluster));
    const { status, ...seen } = await runDriver(prepared.command, prepared.environment, async () => {
      await requests.add();
      await cluster.killEverything();
      await cluster.launch();
      await requests.restart();
    });
    await requests.add();
    return { name, client, outcome: status === 0 ? "passed" : "FAILED", ...seen, requests: requests.byOperation() };
  } finally {
    await prepared.stop?.();
  }
}
