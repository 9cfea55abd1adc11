import type { ClusterNode } from "../launcher/cluster-file.ts";

const TIMEOUT_MS = 2_000;

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One node's metrics at one moment, by name. */
export class Scrape {
  readonly #samples = new Map<string, Sample[]>();

  /** Prometheus's text format, as prom-client writes it. */
  constructor(text: string) {
    for (const [, name = "", labels = "", value = ""] of text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
      const sample = { labels: Object.fromEntries(pairs.map(([, key, text]) => [key, text])), value: Number(value) };
      const known = this.#samples.get(name);
      if (known === undefined) this.#samples.set(name, [sample]);
      else known.push(sample);
    }
  }

  all(name: string): readonly Sample[] {
    return this.#samples.get(name) ?? [];
  }

  sum(name: string): number {
    return this.all(name).reduce((sum, { value }) => sum + value, 0);
  }
}

/** Undefined for those that do not answer. */
export function scrapeAll(nodes: readonly ClusterNode[]): Promise<(Scrape | undefined)[]> {
  return Promise.all(
    nodes.map(async ({ adminAddress }) => {
      try {
        const response = await fetch(`http://${adminAddress}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
        return new Scrape(await response.text());
      } catch {
        return undefined;
      }
    }),
  );
}

/** The bound that `share` of what was observed between two scrapes did not pass; undefined when nothing was. */
export function quantileBetween(before: Scrape, after: Scrape, histogram: string, share: number): number | undefined {
  const countsOf = (scrape: Scrape): Map<number, number> => {
    const counts = new Map<number, number>();
    for (const { labels, value } of scrape.all(`${histogram}_bucket`)) {
      const bound = Number(labels.le === "+Inf" ? Infinity : labels.le);
      counts.set(bound, (counts.get(bound) ?? 0) + value);
    }
    return counts;
  };
  const [old, now] = [countsOf(before), countsOf(after)];
  const total = (now.get(Infinity) ?? 0) - (old.get(Infinity) ?? 0);
  if (total <= 0) return undefined;
  for (const [bound, count] of [...now].toSorted(([a], [b]) => a - b)) {
    if (count - (old.get(bound) ?? 0) >= share * total) return bound;
  }
  return Infinity;
}
