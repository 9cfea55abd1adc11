import { setTimeout as sleep } from "node:timers/promises";
import { KIB } from "@millrace/util";
import { EVENT_LOOP_PERIOD_MS } from "../admin-server.ts";
import { columns } from "../columns.ts";
import { clusterFileOf, type ClusterNode, processesOf } from "../launcher/cluster-file.ts";
import { quantileBetween, type Scrape, scrapeAll } from "./scrape.ts";

export interface TopOptions {
  readonly dataDir: string;
  readonly intervalS: number;
  /** One table and out, for scripts. */
  readonly once: boolean;
}

const STREAMS_SHOWN_MAX = 20;
const CLEAR = "\u001b[H\u001b[J";

/** What the cluster does now, every few seconds. @throws Error in words for people */
export async function top({ dataDir, intervalS, once }: TopOptions): Promise<void> {
  const nodesNow = (): readonly ClusterNode[] => processesOf(clusterFileOf(dataDir));
  const isScreen = !once && process.stdout.isTTY;
  let before = await scrapeAll(nodesNow());
  for (;;) {
    await sleep(intervalS * 1_000);
    const nodes = nodesNow();
    const after = await scrapeAll(nodes);
    console.log(`${isScreen ? CLEAR : ""}${topTables(nodes, before, after, intervalS)}`);
    if (once) return;
    before = after;
  }
}

type Scrapes = readonly (Scrape | undefined)[];

export function topTables(nodes: readonly ClusterNode[], before: Scrapes, after: Scrapes, seconds: number): string {
  return [nodeTable(nodes, before, after, seconds), streamTable(before, after, seconds)].join("\n\n");
}

/** Of a counter, a second; 0 when a process began anew between the two. */
function rate(before: Scrape | undefined, after: Scrape | undefined, name: string, seconds: number): number {
  if (before === undefined || after === undefined) return 0;
  return Math.max(0, (after.sum(name) - before.sum(name)) / seconds);
}

function nodeTable(nodes: readonly ClusterNode[], before: Scrapes, after: Scrapes, seconds: number): string {
  const header = [
    "NODE",
    "ZONE",
    "CPU",
    "MEMORY",
    "STALLS",
    "REQUESTS/s",
    "LEADS",
    "APPEND p99",
    "FSYNC p99",
    "DISK FREE",
  ];
  const rows = nodes.map(({ id, az }, at) => {
    const [old, now] = [before[at], after[at]];
    if (now === undefined) return [id, az, "no answer"];
    const p99 = (histogram: string): string => {
      const bound = old === undefined ? undefined : quantileBetween(old, now, histogram, 0.99);
      return bound === undefined ? "" : bound === Infinity ? "long" : `<${bound * 1_000} ms`;
    };
    const isBroker = now.all("millrace_shards_hosted").length > 0;
    const isGateway = now.all("millrace_connections").length > 0;
    return [
      id,
      az,
      `${Math.round(rate(old, now, "millrace_process_process_cpu_seconds_total", seconds) * 100)} %`,
      sizeText(now.sum("millrace_process_process_resident_memory_bytes")),
      stalls(now),
      isGateway ? rate(old, now, "millrace_requests_total", seconds).toFixed(0) : "",
      isBroker ? `${now.sum("millrace_shards_led")}/${now.sum("millrace_shards_hosted")}` : "",
      p99("millrace_append_duration_seconds"),
      p99("millrace_journal_sync_duration_seconds"),
      isBroker ? sizeText(now.sum("millrace_disk_free_bytes")) : "",
    ];
  });
  return columns(header, rows).join("\n");
}

function stalls(now: Scrape): string {
  const periodMs = now.sum("millrace_process_nodejs_eventloop_lag_p99_seconds") * 1_000;
  return `${Math.max(0, Math.round(periodMs - EVENT_LOOP_PERIOD_MS))} ms`;
}

function streamTable(before: Scrapes, after: Scrapes, seconds: number): string {
  const figures = ["incoming_records_total", "incoming_bytes_total", "outgoing_records_total", "outgoing_bytes_total"];
  const refused = ["write_throttled_records_total", "read_throttled_total"];
  const streams = new Map<string, number[]>();
  const ages = new Map<string, number>();
  const nameOf = ({ account, stream }: Readonly<Record<string, string>>): string =>
    /^0*$/.test(account ?? "") ? (stream ?? "") : `${account}/${stream}`;
  after.forEach((now, at) => {
    for (const [column, figure] of [...figures, ...refused].entries()) {
      const name = `millrace_stream_${figure}`;
      for (const [sign, scrape] of [
        [1, now],
        [-1, before[at]],
      ] as const) {
        for (const { labels, value } of scrape?.all(name) ?? []) {
          const row = streams.get(nameOf(labels)) ?? new Array<number>(6).fill(0);
          row[column] = (row[column] ?? 0) + sign * value;
          streams.set(nameOf(labels), row);
        }
      }
    }
    for (const { labels, value } of now?.all("millrace_stream_iterator_age_milliseconds") ?? []) {
      ages.set(nameOf(labels), Math.max(ages.get(nameOf(labels)) ?? 0, value));
    }
  });
  if (streams.size === 0) return "No stream has been written to or read from yet.";
  const header = [
    "STREAM",
    "RECORDS IN/s",
    "BYTES IN/s",
    "RECORDS OUT/s",
    "BYTES OUT/s",
    "REFUSED/s",
    "READERS BEHIND",
  ];
  const busiest = [...streams].toSorted(([, a], [, b]) => (b[1] ?? 0) + (b[3] ?? 0) - (a[1] ?? 0) - (a[3] ?? 0));
  const rows = busiest.slice(0, STREAMS_SHOWN_MAX).map(([stream, counts]) => {
    const [recordsIn = 0, bytesIn = 0, recordsOut = 0, bytesOut = 0, writes = 0, reads = 0] = counts.map((count) =>
      Math.max(0, count / seconds),
    );
    const age = ages.get(stream);
    return [
      stream,
      recordsIn.toFixed(0),
      sizeText(bytesIn),
      recordsOut.toFixed(0),
      sizeText(bytesOut),
      (writes + reads).toFixed(0),
      age === undefined ? "" : `${age} ms`,
    ];
  });
  const more = busiest.length - rows.length;
  return `${columns(header, rows).join("\n")}${more > 0 ? `\nand ${more} more` : ""}`;
}

function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= KIB && unit < units.length - 1) {
    value /= KIB;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}
