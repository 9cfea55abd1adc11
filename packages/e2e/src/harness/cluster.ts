import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { KinesisClient, type KinesisClientConfig } from "@aws-sdk/client-kinesis";
import { freePort } from "@millrace/util";

export const PROGRAM = fileURLToPath(new URL("../../../cli/bin/millrace.mjs", import.meta.url));
const READY_TIMEOUT_MS = 30_000;

export interface NodeInfo {
  readonly id: string;
  readonly role: "controller" | "broker" | "gateway";
  readonly az: string;
  readonly pid: number;
  readonly address: string;
  /** host:port of /metrics. Of the launcher: `status` does not tell. */
  readonly adminAddress?: string;
  readonly state: string;
  readonly leader?: boolean;
  readonly leaders?: number;
  readonly replicas?: number;
}

export interface ClusterStatus {
  readonly endpoint: string;
  readonly nodes: readonly NodeInfo[];
  readonly streams: number;
  readonly underReplicatedShards: number;
}

/** A real cluster: the program as a user starts it, every node a process, data in a folder of its own. */
export class LocalCluster {
  readonly port: number;
  readonly dataDir: string;
  readonly #arguments: readonly string[];
  readonly #clients: KinesisClient[] = [];
  #launcher: ChildProcess | undefined;
  /** Milliseconds from the start of the program to its ready line. */
  startupMs = 0;

  private constructor(port: number, dataDir: string, extraArguments: readonly string[]) {
    this.port = port;
    this.dataDir = dataDir;
    this.#arguments = ["up", "--port", String(port), "--data-dir", dataDir, ...extraArguments];
  }

  static async start(...extraArguments: string[]): Promise<LocalCluster> {
    const dataDir = mkdtempSync(join(tmpdir(), "millrace-e2e-"));
    try {
      return await LocalCluster.startIn(dataDir, ...extraArguments);
    } catch (error) {
      rmSync(dataDir, { recursive: true, force: true });
      throw error;
    }
  }

  /** In a folder that is there. */
  static async startIn(dataDir: string, ...extraArguments: string[]): Promise<LocalCluster> {
    const cluster = new LocalCluster(await freePort(), dataDir, extraArguments);
    await cluster.launch();
    return cluster;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the program (again, on the same folder) and waits for its ready line. */
  async launch(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    const startedAt = performance.now();
    const launcher = spawn(process.execPath, [PROGRAM, ...this.#arguments], { stdio: ["ignore", "pipe", "pipe"] });
    this.#launcher = launcher;
    let output = "";
    try {
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`not ready in time: ${output}\n${this.logs()}`)), timeoutMs);
        const collect = (chunk: Buffer): void => {
          output += chunk.toString();
          if (!/^ready: http/m.test(output)) return;
          clearTimeout(late);
          resolve();
        };
        launcher.stdout.on("data", collect);
        launcher.stderr.on("data", collect);
        launcher.once("exit", (code) => {
          clearTimeout(late);
          reject(new Error(`the launcher ended with ${code}: ${output}`));
        });
      });
    } catch (error) {
      // Whoever waited is told, and has nothing to stop: seven processes would go on behind the back of the tests that follow.
      await this.stop();
      throw error;
    }
    this.startupMs = performance.now() - startedAt;
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

  async status(): Promise<ClusterStatus> {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [PROGRAM, "status", "--json", "--data-dir", this.dataDir]);
    return JSON.parse(stdout) as ClusterStatus;
  }

  /** From the launcher's file: cheap, and right even while nobody answers. */
  nodes(): readonly NodeInfo[] {
    return (JSON.parse(readFileSync(join(this.dataDir, "cluster.json"), "utf8")) as ClusterStatus).nodes;
  }

  node(id: string): NodeInfo {
    const found = this.nodes().find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  signal(id: string, signal: NodeJS.Signals): void {
    process.kill(this.node(id).pid, signal);
  }

  /** Waits until every node is up and every shard fully replicated. */
  async healthy(timeoutMs = 30_000): Promise<void> {
    await eventually(
      async () => {
        const status = await this.status();
        return status.underReplicatedShards === 0 && status.nodes.every((node) => node.state === "up");
      },
      timeoutMs,
      async () => `${JSON.stringify(await this.status(), undefined, 1)}\n${this.logs()}`,
    );
  }

  /** SIGKILL for the launcher and every node at once. */
  async killEverything(): Promise<void> {
    const launcher = this.#launcher;
    const pids = this.nodes().map((node) => node.pid);
    const gone = new Promise((resolve) => launcher?.once("exit", resolve));
    launcher?.kill("SIGKILL");
    for (const pid of pids) if (pid > 0) process.kill(pid, "SIGKILL");
    await gone;
  }

  async stop(): Promise<number | null> {
    for (const client of this.#clients) client.destroy();
    const launcher = this.#launcher;
    if (launcher === undefined || launcher.exitCode !== null || launcher.signalCode !== null) return null;
    const exited = new Promise<number | null>((resolve) => launcher.once("exit", resolve));
    launcher.kill("SIGTERM");
    return exited;
  }

  async destroy(): Promise<void> {
    await this.stop();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** The last warnings of every node, for a failed test's message. */
  logs(): string {
    if (!existsSync(join(this.dataDir, "cluster.json"))) return "no node was started";
    return this.nodes()
      .map((node) => {
        const path = join(this.dataDir, "logs", `${node.id}.log`);
        try {
          const lines = readFileSync(path, "utf8").trimEnd().split("\n");
          return `--- ${node.id}\n${lines.slice(-8).join("\n")}`;
        } catch {
          return `--- ${node.id}: no log`;
        }
      })
      .join("\n");
  }
}

/** Polls a condition; no test sleeps. */
export async function eventually(
  condition: () => Promise<boolean> | boolean,
  timeoutMs: number,
  describe: () => Promise<string> | string = () => "",
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${await describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
