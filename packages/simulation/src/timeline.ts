import type { LogLevel } from "./world/logger.ts";

interface Line {
  readonly timeMs: number;
  readonly node: string;
  readonly level: LogLevel | "fault";
  readonly text: string;
}

const COLUMN_CHARS = 34;

/** What happened in one life: time downwards, a column a zone, the world's doings across. */
export class Timeline {
  readonly #lines: Line[] = [];

  readonly add = (timeMs: number, node: string, level: LogLevel | "fault", text: string): void => {
    this.#lines.push({ timeMs, node, level, text });
  };

  /** @param columns nodes by column */
  describe(columns: readonly (readonly string[])[]): string {
    const head = ["".padStart(10), ...columns.map((nodes) => nodes.join(" ").padEnd(COLUMN_CHARS))].join(" | ");
    return [head, ...this.#lines.map((line) => this.#describe(line, columns))].join("\n");
  }

  #describe({ timeMs, node, level, text }: Line, columns: readonly (readonly string[])[]): string {
    const time = (timeMs / 1_000).toFixed(4).padStart(10);
    if (level === "fault") return `${time} ** ${text}`;
    const at = columns.findIndex((nodes) => nodes.includes(node));
    const mark = level === "warn" || level === "error" || level === "fatal" ? `${level.toUpperCase()} ` : "";
    const line = `${node}: ${mark}${text}`.replaceAll("\n", " ");
    if (at === -1) return `${time} -- ${line}`;
    const before = Array.from({ length: at }, () => "".padEnd(COLUMN_CHARS));
    return [time, ...before, line.slice(0, 150)].join(" | ");
  }
}
