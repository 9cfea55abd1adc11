import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { KinesisClient, type KinesisClientConfig } from "@aws-sdk/client-kinesis";
import { freePort } from "@millrace/util";
import { type ClusterStatus, eventually, PROGRAM } from "./cluster.ts";

const READY_TIMEOUT_MS = 20_000;

/** `millrace start --single` as a user runs it: the whole API in one process, quick to start. */
export class SingleNode {
  readonly port: number;
  readonly dataDir: string;
  readonly #arguments: readonly string[];
  #environment: NodeJS.ProcessEnv = {};
  readonly #clients: KinesisClient[] = [];
  readonly #gateways: ChildProcess[] = [];
  #process: ChildProcess | undefined;
  /** Standard error of the latest start. */
  log = "";

  private constructor(port: number, dataDir: string, extraArguments: readonly string[]) {
    this.port = port;
    this.dataDir = dataDir;
    this.#arguments = [
      ...["start", "--single", "--listen", `127.0.0.1:${port}`, "--data-dir", dataDir],
      ...extraArguments,
    ];
  }

  static async start(...extraArguments: string[]): Promise<SingleNode> {
    return SingleNode.startWithin(undefined, ...extraArguments);
  }

  /** With so much room for its objects only: V8 collects early, and what is kept for ever ends the node. */
  static async startWithin(heapMib: number | undefined, ...extraArguments: string[]): Promise<SingleNode> {
    const dataDir = mkdtempSync(join(tmpdir(), "millrace-single-"));
    const node = new SingleNode(await freePort(), dataDir, extraArguments);
    if (heapMib !== undefined) node.#environment = { NODE_OPTIONS: `--max-old-space-size=${heapMib}` };
    await node.launch();
    return node;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async launch(): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, ...this.#arguments], {
      env: { ...process.env, ...this.#environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    this.log = "";
    child.stderr.on("data", (chunk: Buffer) => {
      this.log += chunk.toString();
    });
    let output = "";
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        reject(new Error(`not ready in time: ${output}${this.log}`));
      }, READY_TIMEOUT_MS);
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (!/^ready: http/m.test(output)) return;
        clearTimeout(timer);
        resolve();
      });
      child.once("exit", (code) => {
        clearTimeout(timer);
        reject(new Error(`ended with ${code}: ${output}${this.log}`));
      });
    });
  }

  client(config: KinesisClientConfig = {}): KinesisClient {
    const client = new KinesisClient({
      endpoint: this.endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      ...config,
    });
    this.#clients.push(client);
    return client;
  }

  /** `millrace …` on this node's folder: what it prints. */
  async run(command: string, ...rest: string[]): Promise<string> {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [PROGRAM, command, "--data-dir", this.dataDir, ...rest]);
    return stdout;
  }

  /** One more gateway of this node's cluster, in a process of its own; returns its endpoint. */
  async addGateway(): Promise<string> {
    const status = JSON.parse(await this.run("status", "--json")) as ClusterStatus;
    const controller = status.nodes.find(({ role }) => role === "controller");
    const port = await freePort();
    const child = spawn(
      process.execPath,
      [
        ...[PROGRAM, "start", "--role", "gateway", "--id", "gateway-2", "--listen", `127.0.0.1:${port}`],
        ...["--controllers", `single=${controller?.address ?? ""}`, "--data-dir", join(this.dataDir, "gateway-2")],
      ],
      { stdio: "ignore" },
    );
    this.#gateways.push(child);
    const endpoint = `http://127.0.0.1:${port}`;
    await eventually(
      () =>
        fetch(endpoint).then(
          () => true,
          () => false,
        ),
      READY_TIMEOUT_MS,
    );
    return endpoint;
  }

  async kill(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    child.kill(signal);
    return exited;
  }

  async destroy(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    for (const gateway of this.#gateways) {
      const exited = new Promise((resolve) => gateway.once("exit", resolve));
      if (gateway.exitCode === null && gateway.kill("SIGTERM")) await exited;
    }
    await this.kill("SIGTERM");
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
