import { afterAll, beforeAll, expect, test } from "vitest";
import { type ClusterStatus, eventually, LocalCluster } from "./harness/cluster.ts";
import { ExtraBroker, millrace } from "./harness/extra-broker.ts";
import { createStream, Ledger } from "@millrace/verifier";

let cluster: LocalCluster;
let added: ExtraBroker | undefined;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
});

afterAll(async () => {
  await added?.end("SIGKILL");
  await cluster.destroy();
});

test("O19: a broker that is added takes replicas, one that drains gives them up, under load", async () => {
  await createStream(cluster.client(), "s", 6);
  const ledger = new Ledger("s");
  const stop = new AbortController();
  const writers = ["a", "b"].map((name) => ledger.write(cluster.client(), name, 20, stop.signal));
  try {
    await eventually(() => ledger.acknowledgedCount > 200, 20_000);
    added = new ExtraBroker(cluster, "broker-4", "az-b");
    const load = async (): Promise<number> => {
      const status = await cluster.status();
      return status.nodes.find(({ id }) => id === "broker-2")?.replicas ?? 0;
    };
    expect(await load()).toBe(6);
    // Six replicas in the zone and two brokers: they even out.
    await eventually(async () => (await load()) <= 3, 30_000);
    const drained = await millrace(cluster, "broker", "drain", "broker-2", "--wait");
    expect(drained).toContain("broker-2 is drained: safe to remove");
    expect(await load()).toBe(0);
    // As an operator elsewhere, or in a pod, has it: from the controllers alone.
    expect(await millrace(cluster, "status")).toContain("drained: safe to remove");
    const { nodes } = JSON.parse(await millrace(cluster, "status", "--json")) as ClusterStatus;
    expect(nodes.find(({ id }) => id === "broker-2")).toMatchObject({ state: "up", leaders: 0, replicas: 0 });
    expect(nodes.map(({ id }) => id)).toContain("broker-4");
    // What it had is elsewhere, so its end is felt by nobody.
    const before = ledger.acknowledgedCount;
    cluster.signal("broker-2", "SIGSTOP");
    await eventually(() => ledger.acknowledgedCount > before + 200, 20_000);
    cluster.signal("broker-2", "SIGCONT");
    await millrace(cluster, "broker", "undrain", "broker-2");
    await eventually(async () => (await load()) >= 2, 30_000);
  } finally {
    stop.abort();
    await Promise.all(writers);
  }
  expect((await ledger.verify(cluster.client())).slice(0, 10)).toEqual([]);
  expect(ledger.failedRequests).toBe(0);
}, 180_000);
