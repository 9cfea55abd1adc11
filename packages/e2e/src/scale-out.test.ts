import { type ChildProcess, execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster, PROGRAM } from "./harness/cluster.ts";
import { Ledger } from "./harness/ledger.ts";
import { createStream } from "./harness/streams.ts";

let cluster: LocalCluster;
let added: ChildProcess | undefined;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
});

afterAll(async () => {
  added?.kill("SIGKILL");
  await cluster.destroy();
});

function controllers(): string {
  const nodes = cluster.nodes().filter(({ role }) => role === "controller");
  return nodes.map(({ id, address }) => `${id}=${address}`).join(",");
}

async function millrace(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...args, "--data-dir", cluster.dataDir]);
  return stdout;
}

test("a broker that is added takes replicas, one that drains gives them up, under load", async () => {
  await createStream(cluster.client(), "s", 6);
  const ledger = new Ledger("s");
  const stop = new AbortController();
  const writers = ["a", "b"].map((name) => ledger.write(cluster.client(), name, 20, stop.signal));
  try {
    await eventually(() => ledger.acknowledged.size > 200, 20_000);
    const dataDir = join(cluster.dataDir, "broker-4");
    const flags = [
      "--role",
      "broker",
      "--id",
      "broker-4",
      "--az",
      "az-b",
      "--log-level",
      "warn",
      "--data-dir",
      dataDir,
    ];
    added = spawn(process.execPath, [PROGRAM, "start", ...flags, "--controllers", controllers()], { stdio: "ignore" });
    const load = async (): Promise<number> => {
      const status = await cluster.status();
      return status.nodes.find(({ id }) => id === "broker-2")?.replicas ?? 0;
    };
    expect(await load()).toBe(6);
    // Six replicas in the zone and two brokers: they even out.
    await eventually(async () => (await load()) <= 3, 30_000);
    const drained = await millrace("broker", "drain", "broker-2", "--wait");
    expect(drained).toContain("broker-2 is drained: safe to remove");
    expect(await load()).toBe(0);
    expect(await millrace("status")).toContain("drained: safe to remove");
    // What it had is elsewhere, so its end is felt by nobody.
    const before = ledger.acknowledged.size;
    cluster.signal("broker-2", "SIGSTOP");
    await eventually(() => ledger.acknowledged.size > before + 200, 20_000);
    cluster.signal("broker-2", "SIGCONT");
    await millrace("broker", "undrain", "broker-2");
    await eventually(async () => (await load()) >= 2, 30_000);
  } finally {
    stop.abort();
    await Promise.all(writers);
  }
  expect((await ledger.verify(cluster.client())).slice(0, 10)).toEqual([]);
  expect(ledger.failedRequests).toBe(0);
}, 180_000);
