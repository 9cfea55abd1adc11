import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { LocalCluster } from "@millrace/e2e";
import type { Figure } from "../report.ts";
import { putLatency } from "./put-latency.ts";

const PER_SECOND = 100;
const EXPORTED_WITHIN_MS = 6_000;
const NANOS_PER_MS = 1e6;

interface Span {
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

interface Export {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}

/** Nested in this order, so that a hop is what its span has more than the one within. */
const SPANS = ["Kinesis/PutRecord", "ShardLog.Append", "append"] as const;

/** Where a lone put's time goes, from the cluster's own traces and metrics. Medians, so that they add up about. */
export async function hops(seconds: number): Promise<Figure[]> {
  const collector = new Collector();
  const endpoint = await collector.listen();
  process.env["MILLRACE_OTLP_ENDPOINT"] = endpoint;
  const cluster = await LocalCluster.start("--quotas", "off").finally(() => {
    delete process.env["MILLRACE_OTLP_ENDPOINT"];
  });
  try {
    const before = await journalOf(cluster);
    const whole = await putLatency(cluster, PER_SECOND, seconds);
    const after = await journalOf(cluster);
    await new Promise((resolve) => setTimeout(resolve, EXPORTED_WITHIN_MS));
    const medians = SPANS.map((name) => collector.median(name, seconds * PER_SECOND));
    const [request = 0, routed = 0, append = 0] = medians;
    const total = whole.find(({ figure }) => figure === "p50")?.value ?? 0;
    const syncMs = ((after.seconds - before.seconds) / (after.count - before.count)) * 1_000;
    const workload = `Lone PutRecord of 1 KB at ${PER_SECOND}/s, traced: medians`;
    const figure = (name: string, value: number): Figure => ({ workload, figure: name, value, unit: "ms" });
    return [
      figure("client to client", total),
      figure("HTTP both ways, parsed: client to gateway", total - request),
      figure("the gateway's own work", request - routed),
      figure("gateway to leader and back", routed - append),
      figure("append: leader's disk and a follower's", append),
      figure("… of which one journal write and fdatasync, mean", syncMs),
    ];
  } finally {
    await cluster.destroy();
    collector.close();
  }
}

/** Takes spans as OpenTelemetry's collector does. */
class Collector {
  readonly #durationsMs = new Map<string, number[]>();
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      this.#take(JSON.parse(Buffer.concat(chunks).toString()) as Export);
      response.end("{}");
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Of the last `count`: those before were the warming up. */
  median(name: string, count: number): number {
    const last = (this.#durationsMs.get(name) ?? []).slice(-count).sort((one, other) => one - other);
    return last[last.length >> 1] ?? Number.NaN;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #take({ resourceSpans }: Export): void {
    for (const { name, startTimeUnixNano, endTimeUnixNano } of resourceSpans
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap(({ spans }) => spans)) {
      const durations = this.#durationsMs.get(name) ?? [];
      durations.push(Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / NANOS_PER_MS);
      this.#durationsMs.set(name, durations);
    }
  }
}

/** All brokers' journal writes so far. */
async function journalOf(cluster: LocalCluster): Promise<{ seconds: number; count: number }> {
  const total = { seconds: 0, count: 0 };
  const brokers = cluster.nodes().filter(({ role }) => role === "broker");
  for (const { adminAddress } of brokers) {
    const text = await (await fetch(`http://${adminAddress}/metrics`)).text();
    const value = (suffix: string): number =>
      Number(
        new RegExp(`^millrace_journal_sync_duration_seconds_${suffix}\\{[^}]*\\} (\\S+)`, "m").exec(text)?.[1] ?? 0,
      );
    total.seconds += value("sum");
    total.count += value("count");
  }
  return total;
}
