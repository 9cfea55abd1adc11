import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

export type Parameters = Readonly<Record<string, string | number>>;

/** A program that loads a contender: the same modes and parameters for all of them, an answer of one line of JSON. */
export class LoadProgram {
  readonly #command: readonly string[];
  readonly #always: Parameters;

  constructor(command: readonly string[], always: Parameters) {
    this.#command = command;
    this.#always = always;
  }

  /** @throws Error when the program fails */
  async run<Answer>(mode: string, parameters: Parameters): Promise<Answer> {
    return this.begin(mode, parameters).end<Answer>();
  }

  /** For a mode that goes on until it is ended. */
  begin(mode: string, parameters: Parameters): Load {
    const pairs = Object.entries({ ...this.#always, ...parameters }).map(([name, value]) => `${name}=${value}`);
    const [program = "", ...rest] = this.#command;
    return new Load(spawn(program, [...rest, mode, ...pairs], { stdio: ["pipe", "pipe", "pipe"] }));
  }
}

/** A load program that runs. */
export class Load {
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<number | null>;
  #errors = "";
  #wake: () => void = () => undefined;

  constructor(process: ChildProcess) {
    this.#process = process;
    createInterface({ input: process.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    process.stderr?.on("data", (chunk: Buffer) => (this.#errors += chunk.toString()));
    this.#ended = new Promise((resolve) => process.once("close", resolve));
    void this.#ended.then(() => this.#wake());
  }

  /** Resolves with the first line. */
  async firstLine(): Promise<string> {
    if (this.#lines.length === 0 && this.#process.exitCode === null) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#lines[0] ?? "";
  }

  /** Closes its standard input, and takes its last line. @throws Error */
  async end<Answer>(): Promise<Answer> {
    this.#process.stdin?.end();
    const status = await this.#ended;
    const answer = this.#lines.at(-1);
    if (status !== 0 || answer === undefined)
      throw new Error(`a load program ended with ${status}: ${this.#errors.slice(-1_000)}`);
    return JSON.parse(answer) as Answer;
  }
}
