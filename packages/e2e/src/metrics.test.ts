import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { execFileSync } from "node:child_process";
import { GetRecordsCommand, GetShardIteratorCommand, PutRecordCommand } from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "@millrace/util";
import { SingleNode } from "./harness/single.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (path: string): string => readFileSync(`${root}/${path}`, "utf8");
const ALERTS = "deploy/prometheus/alerts.yaml";
const DASHBOARD = "deploy/grafana/dashboards/millrace.json";

let node: SingleNode;
let scraped: string;

beforeAll(async () => {
  const admin = await freePort();
  node = await SingleNode.start("--memory", "--streams", "orders:1", "--admin-listen", `127.0.0.1:${admin}`);
  const client = node.client();
  const record = { StreamName: "orders", PartitionKey: "key", Data: Buffer.alloc(100) };
  for (let count = 0; count < 5; count++) await client.send(new PutRecordCommand(record));
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({
      StreamName: "orders",
      ShardId: "shardId-000000000000",
      ShardIteratorType: "TRIM_HORIZON",
    }),
  );
  await client.send(new GetRecordsCommand({ ShardIterator }));
  scraped = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
}, 60_000);

afterAll(async () => node.destroy());

function exported(): Set<string> {
  return new Set([...scraped.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name as string));
}

function namesIn(text: string): string[] {
  const names = text.match(/millrace_[a-z0-9_]+/g) ?? [];
  return [...new Set(names)].map((name) => name.replace(/_(bucket|count|sum)$/, ""));
}

test("S: streams are counted in CloudWatch's terms", () => {
  const labels = '{account="000000000000",stream="orders",node="single",az="az-a"}';
  expect(scraped).toContain(`millrace_stream_incoming_records_total${labels} 5`);
  expect(scraped).toContain(`millrace_stream_incoming_bytes_total${labels} 515`);
  expect(scraped).toContain(`millrace_stream_outgoing_records_total${labels} 5`);
  expect(scraped).toContain(`millrace_stream_iterator_age_milliseconds${labels} 0`);
});

test.each([ALERTS, DASHBOARD, "packages/docs/metrics.md"])("S: every metric that %s names is exported", (path) => {
  const names = exported();
  const prefixes = ["millrace_process_"];
  expect(namesIn(read(path)).filter((name) => !names.has(name) && !prefixes.includes(name))).toEqual([]);
});

test("S: every metric of ours is explained", () => {
  const explained = new Set(namesIn(read("packages/docs/metrics.md")));
  const ours = [...exported()].filter((name) => name.startsWith("millrace_") && !name.startsWith("millrace_process_"));
  expect(ours.filter((name) => !explained.has(name))).toEqual([]);
});

test("S: Kubernetes gets the same alerts and the same dashboard, and each alert's page is there", () => {
  const rules = read(ALERTS);
  const indented = rules.slice(rules.indexOf("groups:")).replaceAll(/^(?=.)/gm, "  ");
  expect(read("k8s/components/monitoring/prometheus-rule.yaml")).toContain(indented);
  expect(read("k8s/components/monitoring/millrace.json")).toBe(read(DASHBOARD));
  for (const [, page] of rules.matchAll(/runbook: (\S+)/g)) expect(read(`packages/docs/${page}`)).toContain("# ");
});

function has(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test.runIf(has("promtool"))("S: the alerts fire when they should, and resolve (promtool)", () => {
  execFileSync("promtool", ["check", "rules", `${root}/${ALERTS}`], { stdio: "pipe" });
  execFileSync("promtool", ["test", "rules", `${root}/deploy/prometheus/alerts.test.yaml`], { stdio: "pipe" });
});

// Recorded by `npm run k8s-e2e -- --record FILE`.
test.runIf(has("promtool"))(
  "O05: as scraped from pods, alerts fire when a broker and its volume are gone, and resolve when it is full again",
  () => {
    execFileSync("promtool", ["test", "rules", `${root}/deploy/prometheus/broker-lost.test.yaml`], { stdio: "pipe" });
  },
);
