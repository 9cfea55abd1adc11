import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const STOP_WITHIN_MS = 10_000;

/** The server processes of a contender, with a folder for their data and logs. */
export class Servers {
  readonly folder: string;
  readonly #commands = new Map<string, readonly string[]>();
  readonly #processes = new Map<string, ChildProcess>();

  constructor(name: string) {
    this.folder = mkdtempSync(join(tmpdir(), `millrace-bench-${name}-`));
  }

  start(node: string, command: readonly string[]): void {
    this.#commands.set(node, command);
    this.restart(node);
  }

  /** Once it is dead. */
  restart(node: string): void {
    const [program = "", ...parameters] = this.#commands.get(node) ?? [];
    const log = openSync(join(this.folder, `${node}.log`), "a");
    this.#processes.set(node, spawn(program, parameters, { stdio: ["ignore", log, log], cwd: this.folder }));
    closeSync(log);
  }

  pids(): number[] {
    return [...this.#processes.values()].flatMap(({ pid, exitCode }) =>
      pid === undefined || exitCode !== null ? [] : [pid],
    );
  }

  nodes(): string[] {
    return [...this.#processes.keys()];
  }

  kill(node: string): void {
    this.#processes.get(node)?.kill("SIGKILL");
  }

  /** The last lines of each server's log. */
  logs(): string {
    const tail = (node: string): string => readFileSync(join(this.folder, `${node}.log`), "utf8").slice(-1_000);
    return this.nodes()
      .map((node) => `--- ${node}\n${tail(node)}`)
      .join("\n");
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map(end));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function end(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const gone = new Promise((resolve) => process.once("exit", resolve));
  process.kill("SIGTERM");
  const timer = setTimeout(() => process.kill("SIGKILL"), STOP_WITHIN_MS);
  await gone;
  clearTimeout(timer);
}
