import type { Figure } from "../report.ts";

interface Series {
  readonly workload: string;
  readonly who: string;
  readonly unit: string;
  readonly values: number[];
}

/** What rounds measured, by workload and by whom. */
export class Samples {
  /** In order of their first values. */
  readonly #samples: Series[] = [];

  add(workload: string, who: string, value: number, unit: string): void {
    const known = this.#samples.find((samples) => samples.workload === workload && samples.who === who);
    if (known === undefined) this.#samples.push({ workload, who, unit, values: [value] });
    else known.values.push(value);
  }

  /** Of each workload the medians, and below them what `first` has for one of each other's: only such ratios outlive the day. */
  figures(first: string): Figure[] {
    const workloads = [...new Set(this.#samples.map(({ workload }) => workload))];
    return workloads.flatMap((workload) => {
      const all = this.#samples.filter((samples) => samples.workload === workload);
      const ours = all.find(({ who }) => who === first);
      const medians = all.map(({ who, unit, values }) => ({
        ...{ workload, figure: who, value: median(values), unit, rounds: values },
      }));
      if (ours === undefined) return medians;
      const ratios = all
        .filter((samples) => samples !== ours && median(samples.values) > 0)
        .map(({ who, values }) => ({
          ...{ workload, figure: `${first} : ${who}`, value: median(ours.values) / median(values), unit: "x" },
        }));
      return [...medians, ...ratios];
    });
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0;
}
