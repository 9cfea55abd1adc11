import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type LocalCluster, PROGRAM } from "./cluster.ts";

/** A broker more than the launcher's three, as an operator adds one. */
export class ExtraBroker {
  readonly id: string;
  readonly #process: ChildProcess;

  constructor(cluster: LocalCluster, id: string, az: string) {
    this.id = id;
    const { host, command } = networkOf(cluster, az);
    const flags = ["--role", "broker", "--id", id, "--az", az, "--listen", `${host}:0`, "--log-level", "warn"];
    const places = ["--data-dir", join(cluster.dataDir, id), "--controllers", controllersOf(cluster)];
    const [program = process.execPath, ...rest] = [...command, process.execPath, PROGRAM, "start", ...flags, ...places];
    this.#process = spawn(program, rest, { stdio: "ignore" });
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill(signal);
    await exited;
  }
}

/** In the zone's network, where the cluster's zones have one each. */
function networkOf(cluster: LocalCluster, az: string): { readonly host: string; readonly command: readonly string[] } {
  const file = join(cluster.dataDir, "zone-networks.json");
  if (!existsSync(file)) return { host: "127.0.0.1", command: [] };
  const networks = JSON.parse(readFileSync(file, "utf8")) as Record<string, { host: string; command: string[] }>;
  const found = networks[az];
  if (found === undefined) throw new Error(`no network for ${az}`);
  return found;
}

export function controllersOf(cluster: LocalCluster): string {
  const nodes = cluster.nodes().filter(({ role }) => role === "controller");
  return nodes.map(({ id, address }) => `${id}=${address}`).join(",");
}

/** `millrace …` on a cluster, by its controllers alone: what it prints. */
export async function millrace(cluster: LocalCluster, ...rest: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...[PROGRAM, ...rest, "--controllers", controllersOf(cluster)],
  ]);
  return stdout;
}
