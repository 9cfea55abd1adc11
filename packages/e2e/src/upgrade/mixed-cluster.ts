import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@millrace/util";
import { type ClusterStatus, eventually, PROGRAM } from "../harness/cluster.ts";

export interface MixedNode {
  readonly id: string;
  readonly role: "controller" | "broker" | "gateway";
  readonly az: string;
  readonly address: string;
  readonly adminAddress: string;
  pid: number;
}

const ZONES = ["az-a", "az-b", "az-c"];
const STOP_TIMEOUT_MS = 20_000;
const HEALTHY_TIMEOUT_MS = 60_000;

/** Three controllers, three brokers and two gateways, each a process of whichever program it is started with. */
export class MixedCluster {
  readonly directory = mkdtempSync(join(tmpdir(), "millrace-mixed-"));
  readonly #nodes = new Map<string, MixedNode>();
  readonly #processes = new Map<string, ChildProcess>();

  static async start(program: string): Promise<MixedCluster> {
    const cluster = new MixedCluster();
    mkdirSync(join(cluster.directory, "logs"));
    for (const role of ["controller", "broker", "gateway"] as const) {
      for (const [index, az] of ZONES.slice(0, role === "gateway" ? 2 : 3).entries()) {
        const [address, adminAddress] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
        const id = `${role}-${index + 1}`;
        cluster.#nodes.set(id, { id, role, az, address, adminAddress, pid: 0 });
      }
    }
    for (const id of cluster.#nodes.keys()) cluster.startNode(id, program);
    await cluster.healthy();
    return cluster;
  }

  /** Controllers, brokers, gateways: the order of an upgrade. */
  get nodeIds(): string[] {
    return [...this.#nodes.keys()];
  }

  get endpoints(): string[] {
    return [...this.#nodes.values()].filter(({ role }) => role === "gateway").map(({ address }) => `http://${address}`);
  }

  startNode(id: string, program: string): void {
    const node = this.#node(id);
    const controllers = [...this.#nodes.values()].filter(({ role }) => role === "controller");
    const child = spawn(
      process.execPath,
      [
        ...[program, "start", "--role", node.role, "--id", id, "--az", node.az, "--quotas", "off"],
        ...["--listen", node.address, "--admin-listen", node.adminAddress, "--data-dir", join(this.directory, id)],
        ...["--controllers", controllers.map((each) => `${each.id}=${each.address}`).join(",")],
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    child.stderr.pipe(createWriteStream(join(this.directory, "logs", `${id}.log`), { flags: "a" }));
    this.#processes.set(id, child);
    node.pid = child.pid ?? 0;
    this.#publish();
  }

  /** As an orchestrator does it. @returns the exit status */
  async stopNode(id: string): Promise<number | null> {
    const child = this.#processes.get(id);
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const killer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    child.kill("SIGTERM");
    const status = await exited;
    clearTimeout(killer);
    return status;
  }

  /** Every node up, every shard fully replicated, as this version's program sees it. */
  async healthy(): Promise<void> {
    let last = "";
    await eventually(
      async () => {
        const run = promisify(execFile);
        const { stdout } = await run(process.execPath, [PROGRAM, "status", "--json", "--data-dir", this.directory]);
        last = stdout;
        const status = JSON.parse(stdout) as ClusterStatus & { problem?: string };
        const isUp = status.nodes.every(({ state }) => state === "up");
        return isUp && status.underReplicatedShards === 0 && status.problem === undefined;
      },
      HEALTHY_TIMEOUT_MS,
      () => last,
    );
  }

  async destroy(): Promise<void> {
    await Promise.all(this.nodeIds.toReversed().map((id) => this.stopNode(id)));
    rmSync(this.directory, { recursive: true, force: true });
  }

  #node(id: string): MixedNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** For `millrace status`. */
  #publish(): void {
    const [endpoint] = this.endpoints;
    const file = { endpoint, launcherPid: process.pid, nodes: [...this.#nodes.values()] };
    writeFileSync(join(this.directory, "cluster.json"), JSON.stringify(file));
  }
}
