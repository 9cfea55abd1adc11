import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import type { Logger } from "@millrace/util";

const RESTART_DELAY_MS = 500;
const RESTART_DELAY_MAX_MS = 10_000;
/** A node that ran this long starts again without a longer and longer wait. */
const HEALTHY_AFTER_MS = 20_000;
/** As pino numbers it. */
const LEVEL_ERROR = 50;
const LAST_WORDS_MAX = 4_096;

export interface NodeProcessOptions {
  readonly id: string;
  readonly program: string;
  /** What starts it: empty for nothing but Node. */
  readonly command: readonly string[];
  readonly arguments: readonly string[];
  /** The node's standard error: its log. */
  readonly logFile: string;
  readonly restart: boolean;
  readonly logger: Logger;
  readonly onChange: () => void;
}

/**
 * Every 64 MB of buffers that pass through make V8 collect the whole heap, which is small (15 MB). Marking it in steps and on
 * helper threads costs several times more CPU than marking it at once: on two cores a third of the throughput.
 */
const NODE_FLAGS = ["--no-incremental-marking", "--no-parallel-marking"];

/** One node of the local cluster: its process, and the next one when it dies. */
export class NodeProcess {
  readonly #options: NodeProcessOptions;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;
  #delayMs = RESTART_DELAY_MS;
  #startedAt = 0;
  #lastWords = "";

  constructor(options: NodeProcessOptions) {
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: "a" });
  }

  get pid(): number {
    return this.#child?.exitCode === null && this.#child.signalCode === null ? (this.#child.pid ?? 0) : 0;
  }

  start(): void {
    const { id, program, command, logger } = this.#options;
    const [file, ...before] = [...command, process.execPath] as const;
    this.#startedAt = performance.now();
    // The ipc channel is the leash: a node whose launcher died sees it close, and stops.
    const child = spawn(file, [...before, ...NODE_FLAGS, program, ...this.#options.arguments], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      detached: true, // Ctrl-C goes to the launcher only; it stops the nodes in order
    });
    child.stderr?.pipe(this.#log, { end: false });
    this.#lastWords = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#lastWords = `${this.#lastWords}${chunk.toString()}`.slice(-LAST_WORDS_MAX);
    });
    child.once("error", (error) => logger.error({ node: id, error: error.message }, "could not start the node"));
    child.once("exit", (code, signal) => this.#exited(code, signal));
    this.#child = child;
    this.#options.onChange();
  }

  /** SIGTERM, and SIGKILL for a node that is not gone after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child !== undefined && this.pid !== 0) {
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.kill("SIGTERM");
      const killer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await gone;
      clearTimeout(killer);
    }
    this.#log.end();
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    const { id, logger, restart, onChange, logFile } = this.#options;
    onChange();
    if (this.#stopping) return;
    const said = reasonIn(this.#lastWords);
    const why = code === 0 || said === undefined ? {} : { why: said };
    logger.warn({ node: id, code, signal, restart, ...why, log: logFile }, "node died");
    if (!restart) return;
    if (performance.now() - this.#startedAt > HEALTHY_AFTER_MS) this.#delayMs = RESTART_DELAY_MS;
    this.#timer = setTimeout(() => this.start(), this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, RESTART_DELAY_MAX_MS);
  }
}

/** The last error in a log: a line of the node's own, or the first one of what Node prints as it dies. */
function reasonIn(log: string): string | undefined {
  for (const line of log.split("\n").toReversed()) {
    if (/^\w*Error\b/.test(line)) return line;
    const [, level, error] = /^\{"level":(\d+),.*"error":("(?:[^"\\]|\\.)*")/.exec(line) ?? [];
    if (error !== undefined && Number(level) >= LEVEL_ERROR) return JSON.parse(error) as string;
  }
  return undefined;
}
