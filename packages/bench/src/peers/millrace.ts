import { fileURLToPath } from "node:url";
import { connectMillrace } from "@millrace/client";
import { eventually, LocalCluster } from "@millrace/e2e";
import type { Contender, Lane, Replicas, RunningContender } from "./contender.ts";
import { LoadProgram } from "./load-program.ts";

const PROGRAM = fileURLToPath(new URL("../load/main.js", import.meta.url));
const SETTLED_WITHIN_MS = 60_000;
const LANE: Lane = { name: "Millrace, native client", isSynced: true, parameters: {} };

/** The cluster as `npm start` runs it: three controllers and three brokers, and a gateway that has nothing to do here. */
export const millrace: Contender = {
  name: "Millrace",
  lanes: [LANE],
  lonely: [LANE],
  prepare: () => undefined,
  start,
};

async function start(): Promise<RunningContender> {
  const startedAt = performance.now();
  const cluster = await LocalCluster.start("--quotas", "off");
  const controllers = cluster
    .nodes()
    .filter(({ role }) => role === "controller")
    .map(({ address }) => address);
  const client = await connectMillrace({ controllers });
  await client.createStream("first", { shardCount: 1 });
  await client.producer("first").put({ partitionKey: "first", data: Buffer.from("first") });
  const startUpSeconds = (performance.now() - startedAt) / 1_000;
  const killed = new Map<string, number>();
  return {
    startUpSeconds,
    load: new LoadProgram([process.execPath, PROGRAM], { servers: controllers.join() }),
    pids: () => cluster.nodes().map(({ pid }) => pid),
    replicas: async (topic) => {
      // How many shards a broker leads is known, not which: so there is to be only this one.
      for (const name of client.streams()) if (name !== topic) await client.deleteStream(name);
      return onlyShard(cluster);
    },
    kill: (node) => {
      killed.set(node, cluster.node(node).pid);
      cluster.signal(node, "SIGKILL");
    },
    recovered: async (node) => {
      // The launcher has seen to it.
      await eventually(() => ![0, killed.get(node)].includes(cluster.node(node).pid), SETTLED_WITHIN_MS);
      await cluster.healthy(SETTLED_WITHIN_MS);
    },
    stop: async () => {
      await client.close();
      await cluster.destroy();
    },
  };
}

async function onlyShard(cluster: LocalCluster): Promise<Replicas> {
  let found: Replicas | undefined;
  await eventually(async () => {
    const brokers = (await cluster.status()).nodes.filter(({ role }) => role === "broker");
    const leaders = brokers.filter(({ leaders = 0 }) => leaders > 0);
    const isAlone = leaders.length === 1 && leaders[0]?.leaders === 1;
    if (isAlone)
      found = { leader: leaders[0]?.id ?? "", others: brokers.filter((b) => b !== leaders[0]).map(({ id }) => id) };
    return isAlone;
  }, SETTLED_WITHIN_MS);
  if (found === undefined) throw new Error("no shard is led");
  return found;
}
