import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createStream, Ledger } from "@millrace/verifier";
import { eventually, LocalCluster } from "./harness/cluster.ts";

const CONTROLLERS = ["controller-1", "controller-2", "controller-3"];

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
}, 60_000);

afterAll(async () => {
  await cluster.destroy();
});

/** It notices by itself that the folder is gone. */
const NOT_KILLED = "controller-2";

test("D21: each controller's folder is gone, one while it goes on and the others when they are killed, in turn: it is filled, has a vote again, and streams are made meanwhile", async () => {
  // On a machine with too much to do brokers count as down for some seconds while the controllers elect.
  const client = cluster.client({ maxAttempts: 10 });
  await createStream(client, "s", 1);
  const ledger = new Ledger("s");
  const stop = new AbortController();
  const writer = ledger.write(cluster.client(), "a", 10, stop.signal);
  try {
    for (const id of CONTROLLERS) {
      const { pid } = cluster.node(id);
      const folder = join(cluster.dataDir, id);
      expect(existsSync(join(folder, "controller", "identity.json"))).toBe(true);
      renameSync(folder, `${folder}.lost`);
      if (id !== NOT_KILLED) cluster.signal(id, "SIGKILL");
      await createStream(client, `while-${id}-is-away`, 1);
      await eventually(() => ![0, pid].includes(cluster.node(id).pid), 15_000);
      await cluster.healthy(60_000);
    }
  } finally {
    stop.abort();
    await writer;
  }
  // What is known now was on none of the disks that the first stream was made on; any two of the three decide.
  expect((await cluster.status()).streams).toBe(1 + CONTROLLERS.length);
  cluster.signal("controller-1", "SIGSTOP");
  await createStream(client, "by-two", 1);
  cluster.signal("controller-1", "SIGCONT");
  await cluster.healthy();
  expect((await ledger.verify(client)).slice(0, 10)).toEqual([]);
  expect(ledger.failedRequests).toBe(0);
}, 240_000);
