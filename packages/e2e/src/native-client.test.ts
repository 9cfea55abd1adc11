import { UpdateShardCountCommand } from "@aws-sdk/client-kinesis";
import { connectMillrace, type Millrace } from "@millrace/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster } from "./harness/cluster.ts";
import { readShard } from "./harness/ledger.ts";

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
