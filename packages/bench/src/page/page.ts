import { type Figure, formatReport, type Report } from "../report.ts";
import { type Bar, barChart, rounded } from "./bar-chart.ts";

export interface Page {
  readonly markdown: string;
  /** By file name. */
  readonly charts: ReadonlyMap<string, string>;
}

const OURS = "Millrace";

/**
 * The page of each workload's newest results: comparisons first, with a chart and the ratios, then the cluster by itself. A report
 * with ratios is a comparison.
 */
export function pageOf(reports: readonly Report[], folder: string): Page {
  const newestFirst = reports.toSorted((one, other) => (one.date < other.date ? 1 : -1));
  const charts = new Map<string, string>();
  const comparisons = newestPerWorkload(newestFirst.filter(isComparison));
  const alone = newestPerWorkload(newestFirst.filter((report) => !isComparison(report)));
  const sections = [
    HEAD,
    ...comparisons.map(({ workload, report }) => comparison(workload, report, folder, charts)),
    ...(comparisons.length === 0 ? ["No comparison has been recorded yet."] : []),
    ...(alone.length === 0 ? [] : ["## Millrace by itself", ...byItself(alone)]),
  ];
  return { markdown: `${sections.join("\n\n")}\n`, charts };
}

const HEAD = `# Benchmarks

Made from \`packages/bench/results\` by \`packages/bench/src/page/page.test.ts\`; \`npx vitest run --config .vitest.config.ts
packages/bench/src/page -u\` makes it anew. How it is measured: \`packages/bench/README.md\`.

Everything, servers and load, is on one small machine, in turns within one run. Absolute figures are that machine's on that day; what
carries over is the ratio. Bars are medians of the rounds, the black line runs from the lowest round to the highest. Millrace answers
when a majority of three copies is on disk; of the others it is said beside their names what they do. **Throughput: more is better;
times, CPU and memory: less is better.** "Millrace : other, 2.0 x" means that Millrace's figure is twice the other's.`;

function isComparison({ figures }: Report): boolean {
  return figures.some(({ unit }) => unit === "x");
}

function newestPerWorkload(newestFirst: readonly Report[]): { workload: string; report: Report }[] {
  const found = new Map<string, Report>();
  for (const report of newestFirst) {
    for (const { workload } of report.figures) if (!found.has(workload)) found.set(workload, report);
  }
  return [...found].map(([workload, report]) => ({ workload, report }));
}

function comparison(workload: string, report: Report, folder: string, charts: Map<string, string>): string {
  const figures = report.figures.filter((figure) => figure.workload === workload);
  const measured = figures.filter(({ unit }) => unit !== "x");
  const ratios = figures.filter(({ unit }) => unit === "x");
  const name = `${workload
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")}.svg`;
  charts.set(name, barChart({ title: workload, unit: measured[0]?.unit ?? "", bars: measured.map(barOf) }));
  return [
    `## ${workload}`,
    `![${workload}](${folder}/${name})`,
    ...(ratios.length === 0 ? [] : [ratios.map(({ figure, value }) => `- ${figure}: ${rounded(value)} x`).join("\n")]),
    source(report),
  ].join("\n\n");
}

function barOf({ figure, value, rounds = [value] }: Figure): Bar {
  return {
    label: figure,
    value,
    low: Math.min(...rounds),
    high: Math.max(...rounds),
    isOurs: figure.startsWith(OURS),
  };
}

/** One block for each report, of what no newer one has. */
function byItself(newest: readonly { workload: string; report: Report }[]): string[] {
  return [...new Set(newest.map(({ report }) => report))].map((report) => {
    const shown = new Set(newest.filter((each) => each.report === report).map(({ workload }) => workload));
    const figures = report.figures.filter(({ workload }) => shown.has(workload));
    return `\`\`\`\n${formatReport({ ...report, figures })}\n\`\`\``;
  });
}

function source({ date, commit, machine, node }: Report): string {
  return `${date.slice(0, 10)}, commit ${commit}, ${machine}, Node ${node}`;
}
