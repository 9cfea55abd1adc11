import { UpdateShardCountCommand } from "@aws-sdk/client-kinesis";
import {
  connectMillrace,
  connectShardLogOverGrpc,
  ControllerCallFailed,
  controllersOverGrpc,
  type Millrace,
} from "@millrace/client";
import { realWorld } from "@millrace/util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster } from "./harness/cluster.ts";
import { readShard } from "@millrace/verifier";

const KEYS = Array.from({ length: 12 }, (_, i) => `key-${i}`);

let cluster: LocalCluster;
let client: Millrace;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
  const controllers = cluster
    .nodes()
    .filter(({ role }) => role === "controller")
    .map(({ address }) => address);
  client = await connectMillrace({ controllers });
});

afterAll(async () => {
  await client.close();
  await cluster.destroy();
});

test("a record of the native producer has its sequence number at the Kinesis API too", async () => {
  await client.createStream("both", { shardCount: 1 });
  const producer = client.producer("both");
  const put = await producer.put({ partitionKey: "k", data: Buffer.from("both:1") });
  const records = await readShard(cluster.client(), "both", put.shardId);
  expect(records).toEqual([{ id: "both:1", sequenceNumber: BigInt(put.sequenceNumber) }]);
  await producer.close();
}, 30_000);

test("records stay once and in order for each key, through the death of every broker and a reshard", async () => {
  await client.createStream("busy", { shardCount: 2 });
  const producer = client.producer("busy", { deliveryTimeoutMs: 60_000, inFlightBytes: 64_000 });
  const consumer = client.consumer("busy", { from: "TRIM_HORIZON" });
  const received = new Map<string, number[]>(KEYS.map((key) => [key, []]));
  let receivedCount = 0;
  const consuming = (async () => {
    for await (const { records } of consumer) {
      for (const { partitionKey, data } of records) {
        received.get(partitionKey)?.push(Number(data.toString()));
        receivedCount++;
      }
    }
  })();

  const sent = new Map<string, number>(KEYS.map((key) => [key, 0]));
  const failures: unknown[] = [];
  let stored = 0;
  let isStopped = false;
  const producing = (async () => {
    while (!isStopped) {
      for (const key of KEYS) {
        const number = sent.get(key) as number;
        sent.set(key, number + 1);
        await producer.ready();
        producer.put({ partitionKey: key, data: Buffer.from(`${number}`) }).then(
          () => stored++,
          (error: unknown) => failures.push(error),
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await producer.close();
  })();

  const more = (count: number): Promise<void> => {
    const goal = receivedCount + count;
    return eventually(
      () => receivedCount >= goal,
      20_000,
      () => `${stored} stored, ${receivedCount} read`,
    );
  };
  await more(500);
  for (const id of ["broker-1", "broker-2", "broker-3"]) {
    const { pid } = cluster.node(id);
    cluster.signal(id, "SIGKILL");
    await more(300);
    await eventually(() => ![0, pid].includes(cluster.node(id).pid), 15_000);
    await cluster.healthy();
    if (id !== "broker-2") continue;
    const reshard = { StreamName: "busy", TargetShardCount: 4, ScalingType: "UNIFORM_SCALING" } as const;
    await cluster.client().send(new UpdateShardCountCommand(reshard));
    await more(300);
  }
  isStopped = true;
  await producing;
  expect(failures).toEqual([]);
  const total = [...sent.values()].reduce((sum, count) => sum + count, 0);
  await eventually(
    () => receivedCount >= total,
    20_000,
    () => `${stored} stored, ${receivedCount} of ${total} read`,
  );
  consumer.close();
  await consuming;
  for (const key of KEYS) {
    expect(received.get(key)).toEqual(Array.from({ length: sent.get(key) as number }, (_, i) => i));
  }
  expect(Object.keys(consumer.checkpoint()).length).toBeGreaterThanOrEqual(6);
}, 120_000);

test("a group's workers deliver every record through a worker's death, a controller's, and a reshard; none after its checkpoint", async () => {
  await client.createStream("shared", { shardCount: 4 });
  const controllers = cluster
    .nodes()
    .filter(({ role }) => role === "controller")
    .map(({ id, address }) => ({ id, address }));
  const addresses = controllers.map(({ address }) => address);
  const options = { from: "TRIM_HORIZON", leaseDurationMs: 4_000, checkpointIntervalMs: 200 } as const;
  const delivered = new Map<string, number>();
  const stored = new Set<string>();
  const afterCheckpoint: string[] = [];
  const clients: Millrace[] = [];
  const endings: Promise<void>[] = [];
  const start = async () => {
    let isDead = false;
    const unlessDead = <T>(call: () => Promise<T>): Promise<T> =>
      isDead ? Promise.reject(new ControllerCallFailed("dead", "away")) : call();
    const connect = controllersOverGrpc(realWorld().clock);
    const own = await connectMillrace({
      controllers: addresses,
      network: {
        brokers: connectShardLogOverGrpc(),
        controllers: (address) => {
          const channel = connect(address);
          return {
            ...channel,
            execute: (command, of) => unlessDead(() => channel.execute(command, of)),
            leases: (request, of) => unlessDead(() => channel.leases(request, of)),
          };
        },
      },
    });
    clients.push(own);
    const worker = own.consumeGroup("shared", "billing", options);
    const run = async (): Promise<void> => {
      for await (const page of worker) {
        if (isDead) await new Promise(() => undefined); // it has the page, and nobody hears of it again
        const texts = page.records.map(({ data }) => data.toString());
        for (const text of texts) {
          if (stored.has(text)) afterCheckpoint.push(text);
          delivered.set(text, (delivered.get(text) ?? 0) + 1);
        }
        page.checkpoint().then(
          () => texts.forEach((text) => stored.add(text)),
          () => undefined, // lost with the lease: they come again
        );
      }
    };
    endings.push(run());
    return { worker, die: () => (isDead = true) };
  };
  const one = await start();
  const two = await start();
  await eventually(() => one.worker.shards().length === 2 && two.worker.shards().length === 2, 30_000);

  const producer = client.producer("shared", { deliveryTimeoutMs: 60_000 });
  let sent = 0;
  const putSome = async (count: number): Promise<void> => {
    const records = Array.from({ length: count }, () => ({
      partitionKey: `k${sent}`,
      data: Buffer.from(`r${sent++}`),
    }));
    const outcomes = await producer.putAll(records);
    expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
  };
  const allDelivered = (): Promise<void> =>
    eventually(
      () => delivered.size === sent,
      40_000,
      () => `${delivered.size} of ${sent}`,
    );
  await putSome(400);
  await allDelivered();
  // Without a goodbye: no controller hears of it any more, and what it has checkpointed since the last second is lost.
  two.die();
  await putSome(400);
  const three = await start();
  const { id } = controllers[0] as { id: string };
  const { pid } = cluster.node(id);
  cluster.signal(id, "SIGKILL");
  await putSome(400);
  await eventually(() => ![0, pid].includes(cluster.node(id).pid), 15_000);
  const reshard = { StreamName: "shared", TargetShardCount: 8, ScalingType: "UNIFORM_SCALING" } as const;
  await cluster.client().send(new UpdateShardCountCommand(reshard));
  await putSome(400);
  await putSome(400);
  await allDelivered();
  await eventually(() => [one, three].every(({ worker }) => worker.shards().length === 4), 40_000);
  expect(afterCheckpoint).toEqual([]);
  await producer.close();
  await Promise.all(clients.map((each) => each.close()));
  await Promise.all([endings[0], endings[2]]);
}, 180_000);
