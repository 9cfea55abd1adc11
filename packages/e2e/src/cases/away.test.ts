import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster } from "../harness/cluster.ts";
import { createStream, readShard } from "@millrace/verifier";
import { callRaw } from "../harness/raw.ts";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
}, 60_000);
afterAll(() => cluster.destroy());

test("C05: while no shard has a majority a put is a retryable error as a whole, and its retry is stored once", async () => {
  const client = cluster.client();
  await createStream(client, "c05", 1);
  const headers = { "amz-sdk-invocation-id": "0d0e3f2a-0000-4000-8000-000000000005" };
  const Records = Array.from({ length: 500 }, (_, i) => ({ PartitionKey: `k${i}`, Data: btoa(`${i}`) }));
  const attempt = (n: number) =>
    callRaw(
      cluster.endpoint,
      "PutRecords",
      { StreamName: "c05", Records },
      { headers: { ...headers, "amz-sdk-request": `attempt=${n}; max=5` } },
    );
  const stopped = ["broker-1", "broker-2"];
  for (const broker of stopped) cluster.signal(broker, "SIGSTOP");
  let answer;
  try {
    answer = await attempt(1);
  } finally {
    for (const broker of stopped) cluster.signal(broker, "SIGCONT");
  }
  // Both are retried by every SDK; 200 with failed entries would be taken for success by many producers.
  expect([500, 503]).toContain(answer.status);
  await cluster.healthy();
  let repeats = 1;
  await eventually(async () => {
    answer = await attempt(++repeats);
    return answer.status === 200;
  }, 15_000);
  expect(answer.body.FailedRecordCount).toBe(0);
  const numbers = (answer.body.Records as { SequenceNumber: string }[]).map((entry) => entry.SequenceNumber);
  expect(new Set(numbers).size).toBe(500);
  const stored = await readShard(client, "c05", "shardId-000000000000");
  expect(stored.map(({ id }) => id)).toEqual(Records.map((_, i) => `${i}`));
  expect(stored.map(({ sequenceNumber }) => String(sequenceNumber))).toEqual(numbers);
}, 60_000);

test("X05: a gateway whose controllers are gone still serves, and the controllers' health says what is wrong", async () => {
  const client = cluster.client();
  await createStream(client, "x05", 1);
  const controllers = cluster.nodes().filter(({ role }) => role === "controller") as unknown as {
    readonly id: string;
    readonly adminAddress: string;
  }[];
  const [stopped, ...asked] = controllers;
  const health = async (address: string): Promise<{ status: number; text: string }> => {
    const response = await fetch(`http://${address}/readyz`, { signal: AbortSignal.timeout(2_000) });
    return { status: response.status, text: await response.text() };
  };
  cluster.signal(stopped?.id ?? "", "SIGSTOP");
  cluster.signal(asked[0]?.id ?? "", "SIGSTOP");
  try {
    const last = asked[1]?.adminAddress ?? "";
    await eventually(async () => (await health(last)).status === 503, 15_000);
    expect((await health(last)).text).toContain("the controllers have no leader");
    const put = await callRaw(cluster.endpoint, "PutRecord", { StreamName: "x05", PartitionKey: "k", Data: "AA==" });
    expect(put.status).toBe(200);
  } finally {
    for (const { id } of controllers.slice(0, 2)) cluster.signal(id, "SIGCONT");
  }
  await cluster.healthy();
  for (const { adminAddress } of controllers) expect((await health(adminAddress)).status).toBe(200);
}, 60_000);
