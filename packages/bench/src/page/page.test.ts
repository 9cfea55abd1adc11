import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Report } from "../report.ts";
import { barChart } from "./bar-chart.ts";
import { pageOf } from "./page.ts";

const RESULTS = fileURLToPath(new URL("../../results/", import.meta.url));
const DOCS = fileURLToPath(new URL("../../../docs/", import.meta.url));

const report = (date: string, figures: Report["figures"]): Report => ({
  ...{ date, commit: "abc", machine: "2 cores", node: "v20", figures },
});

test("the page and its charts are those of the results; -u writes them anew", async () => {
  const names = readdirSync(RESULTS).filter((name) => name.endsWith(".json"));
  const reports = names.map((name) => JSON.parse(readFileSync(join(RESULTS, name), "utf8")) as Report);
  const { markdown, charts } = pageOf(reports, "benchmarks");
  await expect(markdown).toMatchFileSnapshot(join(DOCS, "benchmarks.md"));
  for (const [name, svg] of charts) await expect(svg).toMatchFileSnapshot(join(DOCS, "benchmarks", name));
});

test("of each workload the newest result is shown, alone or in a comparison", () => {
  const compared = (value: number): Report["figures"] => [
    { workload: "puts", figure: "Millrace", value, unit: "MB/s", rounds: [value - 1, value, value + 1] },
    { workload: "puts", figure: "Kafka", value: 10, unit: "MB/s" },
    { workload: "puts", figure: "Millrace : Kafka", value: value / 10, unit: "x" },
  ];
  const { markdown, charts } = pageOf(
    [
      report("2026-01-03", [{ workload: "idle", figure: "CPU", value: 1, unit: "%" }]),
      report("2026-01-01", [
        { workload: "idle", figure: "CPU", value: 2, unit: "%" },
        { workload: "reads", figure: "user data", value: 3, unit: "MB/s" },
      ]),
      report("2026-01-02", compared(20)),
      report("2026-01-01", compared(30)),
    ],
    "charts",
  );
  expect(markdown).toContain("## puts\n\n![puts](charts/puts.svg)\n\n- Millrace : Kafka: 2.00 x");
  expect(markdown).toMatch(/2026-01-03[^`]*idle +CPU +1.00 %/);
  expect(markdown).not.toMatch(/CPU +2.00 %/);
  expect(markdown).toMatch(/2026-01-01[^`]*reads +user data +3.00 MB/);
  expect([...charts.keys()]).toEqual(["puts.svg"]);
  expect(charts.get("puts.svg")).toContain(">20.0</text>");
});

test("bars are as long as their values, ours in another colour, and names are escaped", () => {
  const svg = barChart({
    title: "a < b",
    unit: "ms",
    bars: [
      { label: "Millrace", value: 5, low: 4, high: 6, isOurs: true },
      { label: "R&D", value: 10, low: 10, high: 10, isOurs: false },
    ],
  });
  expect(svg).toContain("a &lt; b, ms");
  expect(svg).toContain("R&amp;D");
  const widths = [...svg.matchAll(/<rect x="290"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(widths).toEqual([195, 390]);
  expect(svg.match(/<path /g)).toHaveLength(1);
});
