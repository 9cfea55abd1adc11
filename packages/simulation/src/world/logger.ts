/** Where simulated processes' log lines go. */
export type LogSink = (node: string, level: LogLevel, text: string) => void;

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

/** The part of pino that the product uses: an object of fields, then a text; or a text alone. */
export class SimulatedLogger {
  readonly #node: string;
  readonly #sink: LogSink;
  readonly level = "debug";

  constructor(node: string, sink: LogSink) {
    this.#node = node;
    this.#sink = sink;
  }

  child(): this {
    return this;
  }
  trace(): void {}
  debug(fields: unknown, text?: string): void {
    this.#write("debug", fields, text);
  }
  info(fields: unknown, text?: string): void {
    this.#write("info", fields, text);
  }
  warn(fields: unknown, text?: string): void {
    this.#write("warn", fields, text);
  }
  error(fields: unknown, text?: string): void {
    this.#write("error", fields, text);
  }
  fatal(fields: unknown, text?: string): void {
    this.#write("fatal", fields, text);
  }

  #write(level: LogLevel, fields: unknown, text: string | undefined): void {
    this.#sink(this.#node, level, text === undefined ? String(fields) : `${text} ${describe(fields)}`);
  }
}

function describe(fields: unknown): string {
  if (typeof fields !== "object" || fields === null) return String(fields);
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value instanceof Error ? value.message : String(value)}`)
    .join(" ");
}
