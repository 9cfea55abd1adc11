import { spawn } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster, PROGRAM } from "./harness/cluster.ts";
import { controllersOf } from "./harness/extra-broker.ts";
import { createStream, Ledger } from "@millrace/verifier";

/** It notices by itself that the folder is gone. */
const NOT_KILLED = "broker-2";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
});

afterAll(async () => {
  await cluster.destroy();
});

test("O05, T19: a broker that comes back with an empty disk is filled again by itself, under load, one broker after another", async () => {
  const client = cluster.client();
  await createStream(client, "s", 4);
  const ledger = new Ledger("s");
  const stop = new AbortController();
  const writers = ["a", "b", "c"].map((name) => ledger.write(cluster.client(), name, 20, stop.signal));
  try {
    await eventually(() => ledger.acknowledgedCount > 500, 20_000);
    for (const id of ["broker-1", "broker-2", "broker-3"]) {
      const { pid } = cluster.node(id);
      const folder = join(cluster.dataDir, id);
      expect(existsSync(join(folder, "broker", "identity.json"))).toBe(true);
      // The process goes on with the old folder for a moment, as with a disk that is pulled out a moment before its end.
      renameSync(folder, `${folder}.lost`);
      if (id !== NOT_KILLED) cluster.signal(id, "SIGKILL");
      await eventually(() => ![0, pid].includes(cluster.node(id).pid), 15_000);
      // All replicas are full again before the next disk goes.
      await cluster.healthy(60_000);
      const before = ledger.acknowledgedCount;
      await eventually(() => ledger.acknowledgedCount > before + 200, 20_000);
    }
  } finally {
    stop.abort();
    await Promise.all(writers);
  }
  // What is read now was on none of the disks that the first records were written to.
  expect((await ledger.verify(client)).slice(0, 10)).toEqual([]);
  expect(ledger.failedRequests).toBe(0);
}, 240_000);

test("a second broker that is started with the id of one that runs, by a slip, takes nothing from it", async () => {
  const dataDir = join(cluster.dataDir, "slip");
  const flags = ["--role", "broker", "--id", "broker-1", "--az", "az-a", "--data-dir", dataDir];
  const second = spawn(process.execPath, [PROGRAM, "start", ...flags, "--controllers", controllersOf(cluster)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = new Promise((resolve) => second.once("exit", resolve));
  let log = "";
  second.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  await eventually(
    () => log.includes(`broker-1 runs at ${cluster.node("broker-1").address} on another disk`),
    30_000,
    () => log,
  );
  second.kill("SIGTERM");
  await exited;
  // Its own disk is still its own after a restart.
  const { pid } = cluster.node("broker-1");
  cluster.signal("broker-1", "SIGTERM");
  await eventually(() => ![0, pid].includes(cluster.node("broker-1").pid), 15_000);
  await cluster.healthy(60_000);
}, 120_000);
