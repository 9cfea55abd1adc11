// What a Prometheus scraped of a run, as a test that promtool evaluates anew, anywhere: `promtool test rules FILE`.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const STEP_S = 5;
/** Before and after, in which nothing fires. */
const MARGIN_S = 20;
/** What the alerts of a broker that is gone look at, and those that must stay silent meanwhile. */
const SERIES = /^(millrace_(under_replicated_shards|leaderless_shards|brokers|controller_leader|disk_full))$/;

/** `ask`: Prometheus's HTTP interface. @returns how long each alert fired, by the recorded scrapes alone */
export async function recordAlerts({ ask, fromMs, names, rules, file }) {
  await sleep(MARGIN_S * 1_000);
  const start = Math.floor(fromMs / 1_000) - MARGIN_S;
  const end = Math.ceil(Date.now() / 1_000);
  const range = async (query) => (await ask("query_range", { query, start, end, step: STEP_S })).data.result;
  const series = await range(`{__name__=~"${SERIES.source.slice(1, -1)}"}`);
  const steps = Math.floor((end - start) / STEP_S) + 1;
  const at = (time) => Math.round((time - start) / STEP_S);
  const lines = series.map(({ metric, values }) => {
    const byStep = Array.from({ length: steps }, () => "_");
    for (const [time, value] of values) byStep[at(time)] = value;
    // Else promtool takes the last value for good for five minutes more.
    const ends = byStep.flatMap((value, step) => (value === "_" && (byStep[step - 1] ?? "_") !== "_" ? [step] : []));
    for (const step of ends) byStep[step] = "stale";
    return `      - { series: '${selector(metric)}', values: "${runs(byStep)}" }`;
  });
  const fired = {};
  for (const name of names) {
    const [found] = await range(`ALERTS{alertname="${name}", alertstate="firing"}`);
    if (found === undefined) throw new Error(`${name} is not among what was recorded`);
    fired[name] = { fromStep: at(found.values[0][0]), toStep: at(found.values.at(-1)[0]) };
  }
  writeFileSync(file, testText({ rules, lines, fired, steps, date: new Date(start * 1_000).toISOString() }));
  execFileSync("promtool", ["test", "rules", file], { stdio: "pipe" });
  return Object.fromEntries(
    Object.entries(fired).map(([name, { fromStep, toStep }]) => [name, { firedForS: (toStep - fromStep) * STEP_S }]),
  );
}

function selector({ __name__: name, ...labels }) {
  // Addresses of pods tell nothing a year from now.
  const known = { instance: labels.node ?? labels.instance, state: labels.state };
  const kept = Object.entries(known).filter(([, value]) => value !== undefined);
  return `${name}{${kept.map(([label, value]) => `${label}="${value}"`).join(",")}}`;
}

/** `1 1 1 stale _ _` → `1x2 stale _x2`: a value, and how often it is repeated. */
function runs(values) {
  const found = [];
  for (const value of values) {
    const last = found.at(-1);
    if (last?.value === value) last.times++;
    else found.push({ value, times: 1 });
  }
  const text = ({ value, times }) =>
    value === "_" ? `_x${times}` : value === "stale" ? value : `${value}x${times - 1}`;
  return found.map(text).join(" ");
}

/** Silent before, firing in the middle of the time in which it fired, silent at the end. */
function testText({ rules, lines, fired, steps, date }) {
  const sample = (name, step, isFiring) => {
    const query = `      - expr: sum(ALERTS{alertname="${name}", alertstate="firing"})\n        eval_time: ${step * STEP_S}s`;
    return `${query}\n        exp_samples: [${isFiring ? "{ value: 1 }" : ""}]`;
  };
  const samples = Object.entries(fired).flatMap(([name, { fromStep, toStep }]) => [
    sample(name, 0, false),
    sample(name, Math.round((fromStep + toStep) / 2), true),
    sample(name, steps - 1, false),
  ]);
  const silent = ["MillraceNoControllerLeads", "MillraceDiskFull"].map((name) => sample(name, steps - 1, false));
  return `# Scraped on ${date} by npm run k8s-e2e, while a broker's pod and its volume were gone for good, its node closed until the alerts had
# fired, and then made anew on an empty volume. One value every ${STEP_S} s. promtool test rules THIS_FILE
rule_files: [${rules}]
evaluation_interval: ${STEP_S}s
tests:
  - interval: ${STEP_S}s
    input_series:
${lines.join("\n")}
    promql_expr_test:
${[...samples, ...silent].join("\n")}
`;
}
