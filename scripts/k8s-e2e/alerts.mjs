// A real Prometheus with deploy/prometheus/alerts.yaml on the pods, where this machine has one: do alerts fire, and do they resolve?
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { recordAlerts } from "./recorded-alerts.mjs";

const RULES = fileURLToPath(new URL("../../deploy/prometheus/alerts.yaml", import.meta.url));
const PORT = 9090;
const SCRAPE = "2s";
/** Of a rule's `for`, and of what comes before it. */
const CHANGE_WITHIN_MS = 300_000;

/** Undefined: there is no Prometheus here. `recordTo`: where what was scraped is kept as a test, in deploy/prometheus. */
export async function startPrometheus(cluster, recordTo) {
  if (spawnSync("prometheus", ["--version"]).error !== undefined) return undefined;
  const directory = join(cluster.directory, "prometheus");
  const targets = join(directory, "targets.json");
  mkdirSync(directory);
  copyFileSync(RULES, join(directory, "alerts.yaml"));
  writeFileSync(join(directory, "prometheus.yaml"), configuration(targets));
  const writeTargets = () => {
    const found = cluster.pods.map(({ address, component }) => ({
      targets: [`${address}:9464`],
      labels: { role: component },
    }));
    writeFileSync(targets, JSON.stringify(found.filter(({ targets: [target] }) => !target.startsWith(":"))));
  };
  writeTargets();
  const timer = setInterval(writeTargets, 1_000);
  const address = `${cluster.hostAddress}:${PORT}`;
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(directory, "prometheus.yaml")}`,
      `--storage.tsdb.path=${join(directory, "data")}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: "ignore" },
  );
  const gone = new Promise((resolve) => child.once("close", resolve));

  async function ask(what, parameters = {}) {
    const response = await fetch(`http://${address}/api/v1/${what}?${new URLSearchParams(parameters)}`);
    return response.json();
  }

  async function firing() {
    try {
      const { data } = await ask("alerts");
      return data.alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname);
    } catch {
      return [];
    }
  }

  return {
    /** @returns the milliseconds until it fired, or until it did no more */
    until: async (name, isFiring) => {
      const startedAt = performance.now();
      while ((await firing()).includes(name) !== isFiring) {
        const ms = performance.now() - startedAt;
        if (ms > CHANGE_WITHIN_MS) throw new Error(`${name} ${isFiring ? "does not fire" : "does not resolve"}`);
        await sleep(500);
      }
      return Math.round(performance.now() - startedAt);
    },
    /** Keeps what was scraped since then as a test, and has promtool evaluate it. @returns how long each alert fired */
    record: (fromMs, names) => {
      const file = recordTo ?? join(directory, "recorded.test.yaml");
      return recordAlerts({ ask, fromMs, names, file, rules: relative(dirname(file), RULES) });
    },
    close: async () => {
      clearInterval(timer);
      child.kill("SIGTERM");
      await gone;
    },
  };
}

const configuration = (targets) => `global: { scrape_interval: ${SCRAPE}, evaluation_interval: ${SCRAPE} }
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: millrace
    file_sd_configs: [{ files: [${JSON.stringify(targets)}], refresh_interval: 1s }]
`;
