import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { deltaUpdate, brokerOf, fullUpdate, streamOf } from "../testing/metadata-fixtures.ts";
import { ScriptedBroker } from "../testing/scripted-broker.ts";
import { ScriptedController } from "../testing/scripted-controller.ts";
import { follows } from "../testing/scripted-replica.ts";
import { SharedLog } from "../testing/shared-log.ts";
import { connectMillrace, type Millrace } from "./connect.ts";

let controller: ScriptedController;
let brokers: ScriptedBroker[];
let client: Millrace;

beforeEach(async () => {
  const logs = new Map([0, 1].map((shard) => [100 + shard, new SharedLog()]));
  brokers = ["a", "b", "c"].map((nodeId) => new ScriptedBroker(nodeId, logs));
  for (const broker of brokers) await broker.start();
  lead("a");
  controller = new ScriptedController();
  await controller.start();
  const connecting = connectMillrace({ controllers: [controller.address] });
  await vi.waitFor(() => expect(controller.watches.length).toBe(1));
  const addresses = brokers.map(({ nodeId, address }) => brokerOf(nodeId, address));
  controller.push(fullUpdate(1, [streamOf(1, "orders", { shardCount: 2 })], addresses));
  client = await connecting;
});

afterEach(async () => {
  await client.close();
  controller.stop();
  for (const broker of brokers) broker.stop();
});

function lead(leaderId: string): void {
  for (const broker of brokers) {
    broker.script = broker.nodeId === leaderId ? () => "serve" : follows(leaderId);
    if (broker.nodeId !== leaderId) broker.endSubscriptions(leaderId);
  }
}

test("what a producer puts a consumer gets, over gRPC and a broker's death", async () => {
  expect(client.streams()).toEqual(["orders"]);
  const producer = client.producer("orders", { lingerMs: 1 });
  const consumer = client.consumer("orders", { from: "TRIM_HORIZON" });
  const expected = Array.from({ length: 300 }, (_, i) => `${i}`);
  const texts: string[] = [];
  const consumed = (async () => {
    for await (const { records } of consumer) {
      texts.push(...records.map(({ data }) => data.toString()));
      if (texts.length >= expected.length) return;
    }
  })();
  const putSome = async (from: number, to: number): Promise<void> => {
    const records = expected.slice(from, to).map((text) => ({ partitionKey: text, data: Buffer.from(text) }));
    const outcomes = await producer.putAll(records);
    expect(outcomes.every(({ result }) => result !== undefined)).toBe(true);
  };
  await putSome(0, 100);
  const during = putSome(100, 200);
  brokers[0]?.stop();
  lead("b");
  await during;
  lead("c");
  await putSome(200, 300);
  await consumed;
  expect(texts.toSorted()).toEqual(expected.toSorted());
});

test("workers of a group share a stream, and whoever closes its client gives its shards back, over gRPC", async () => {
  const other = connectMillrace({ controllers: [controller.address] });
  await vi.waitFor(() => expect(controller.watches.length).toBe(2));
  const addresses = brokers.map(({ nodeId, address }) => brokerOf(nodeId, address));
  controller.push(fullUpdate(1, [streamOf(1, "orders", { shardCount: 2 })], addresses));
  const options = { from: "TRIM_HORIZON", leaseDurationMs: 1_000, checkpointIntervalMs: 50 } as const;
  const texts: string[] = [];
  const workers = [client, await other].map((of) => of.consumeGroup("orders", "billing", options));
  const consuming = workers.map(async (worker) => {
    for await (const record of worker.records()) {
      texts.push(record.data.toString());
      void record.checkpoint();
    }
  });
  await vi.waitFor(() => expect(workers.map((worker) => worker.shards().length)).toEqual([1, 1]), 10_000);
  const producer = client.producer("orders", { lingerMs: 1 });
  const expected = Array.from({ length: 100 }, (_, i) => `${i}`);
  const putSome = (from: number, to: number) =>
    producer.putAll(expected.slice(from, to).map((text) => ({ partitionKey: text, data: Buffer.from(text) })));
  await putSome(0, 50);
  await vi.waitFor(() => expect(texts).toHaveLength(50), 10_000);
  await (await other).close();
  await consuming[1];
  expect(controller.leases.lease("billing", 0)?.owner).not.toBe(workers[1]?.worker);
  await vi.waitFor(() => expect(workers[0]?.shards()).toHaveLength(2), 10_000);
  await putSome(50, 100);
  await vi.waitFor(() => expect(texts).toHaveLength(100), 10_000);
  expect(texts.toSorted()).toEqual(expected.toSorted());
  expect(await client.groups("orders")).toEqual(["billing"]);
  await client.removeGroup("orders", "billing");
  await expect(consuming[0]).rejects.toMatchObject({ code: "GROUP_REMOVED" });
  await expect(client.removeGroup("orders", "billing")).rejects.toMatchObject({ reason: "GROUP_NOT_FOUND" });
}, 40_000);

test("streams are made and deleted by the controllers", async () => {
  const created = client.createStream("new", { shardCount: 1, mode: "ON_DEMAND" });
  await vi.waitFor(() => expect(controller.commands.length).toBe(1));
  expect(controller.commands[0]?.createStream).toMatchObject({
    key: { name: "new" },
    shardCount: 1,
    mode: "ON_DEMAND",
  });
  expect(() => client.producer("new")).toThrow(expect.objectContaining({ code: "STREAM_NOT_FOUND" }));
  controller.push(deltaUpdate(2, { streams: [{ ...streamOf(2, "new"), status: "CREATING" }] }));
  controller.push(deltaUpdate(3, { streams: [streamOf(2, "new")] }));
  await created;
  await client.producer("new").close();
  await client.deleteStream("new");
  expect(controller.commands[1]?.deleteStream).toMatchObject({ key: { name: "new" } });
});

test("what the API could not name, or has no whole number of shards, is no stream", async () => {
  for (const name of ["", "a b", "a/b", "x".repeat(129)]) {
    await expect(client.createStream(name, { shardCount: 1 })).rejects.toMatchObject({ code: "STREAM_CHANGE_REFUSED" });
  }
  for (const shardCount of [0, -1, 1.5, Number.NaN]) {
    await expect(client.createStream("s", { shardCount })).rejects.toMatchObject({ code: "STREAM_CHANGE_REFUSED" });
  }
  expect(controller.commands).toEqual([]);
});

test("a consumer whose signal has aborted before it is made ends at once", async () => {
  for await (const page of client.consumer("orders", { from: "TRIM_HORIZON", signal: AbortSignal.abort() })) {
    expect(page).toBeUndefined();
  }
});

test("a client that is closed begins nothing, and may be closed again", async () => {
  await client.close();
  const closed = expect.objectContaining({ code: "CLIENT_CLOSED" }) as Error;
  expect(() => client.producer("orders")).toThrow(closed);
  expect(() => client.consumer("orders")).toThrow(closed);
  expect(() => client.consumeGroup("orders", "billing")).toThrow(closed);
});

test("a cluster that cannot be reached is told of", async () => {
  const connecting = connectMillrace({ controllers: ["127.0.0.1:1"], connectTimeoutMs: 200 });
  await expect(connecting).rejects.toMatchObject({ code: "CLUSTER_UNREACHABLE" });
});
