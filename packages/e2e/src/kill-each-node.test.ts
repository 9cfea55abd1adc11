import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalCluster, eventually } from "./harness/cluster.ts";
import { createStream, Ledger } from "@millrace/verifier";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
});

afterAll(async () => {
  await cluster.destroy();
});

/** Runs `fault` while four writers put into four shards, then compares every shard with the acknowledgements. */
async function underLoad(stream: string, fault: (ledger: Ledger) => Promise<void>): Promise<Ledger> {
  const client = cluster.client();
  await createStream(client, stream, 4);
  const ledger = new Ledger(stream);
  const stop = new AbortController();
  const writers = ["a", "b", "c", "d"].map((name) => ledger.write(cluster.client(), name, 20, stop.signal));
  try {
    await eventually(() => ledger.acknowledgedCount > 200, 15_000);
    await fault(ledger);
  } finally {
    stop.abort();
    await Promise.all(writers);
  }
  await cluster.healthy();
  const violations = await ledger.verify(client);
  expect(violations.slice(0, 10)).toEqual([]);
  return ledger;
}

async function moreAcknowledged(ledger: Ledger, count: number): Promise<void> {
  const before = ledger.acknowledgedCount;
  await eventually(
    () => ledger.acknowledgedCount > before + count,
    20_000,
    () => cluster.logs(),
  );
}

const victims = ["broker-1", "broker-2", "broker-3", "controller-1", "controller-2", "controller-3"];

test.each(victims)(
  "SIGKILL of %s under load loses, repeats and reorders nothing",
  async (id) => {
    const ledger = await underLoad(`kill-${id}`, async (running) => {
      const pid = cluster.node(id).pid;
      cluster.signal(id, "SIGKILL");
      await moreAcknowledged(running, 500);
      await eventually(() => ![0, pid].includes(cluster.node(id).pid), 15_000);
      await moreAcknowledged(running, 200);
    });
    expect(ledger.failedRequests).toBe(0);
    // The aim is under 300 ms; the bound leaves room for a machine that runs other tests.
    expect(ledger.longestGapMs).toBeLessThan(3_000);
  },
  90_000,
);

test("a broker that is paused for five seconds and continues loses, repeats and reorders nothing", async () => {
  await underLoad("pause", async (ledger) => {
    cluster.signal("broker-2", "SIGSTOP");
    try {
      await moreAcknowledged(ledger, 500);
      await new Promise((resolve) => setTimeout(resolve, 5_000)); // the fault itself: a pause of five seconds
    } finally {
      cluster.signal("broker-2", "SIGCONT");
    }
    await moreAcknowledged(ledger, 500);
  });
}, 90_000);
