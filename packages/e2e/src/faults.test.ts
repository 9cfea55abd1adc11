import {
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  InternalFailureException,
  PutRecordsCommand,
} from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./harness/cluster.ts";
import { readShard } from "@millrace/verifier";
import { SingleNode } from "./harness/single.ts";

let node: SingleNode;
beforeAll(async () => {
  node = await SingleNode.start("--memory", "--quotas", "off", "--streams", "a,b,c,d");
});
afterAll(() => node.destroy());

const records = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ PartitionKey: `k${i}`, Data: Buffer.from(`${i}`) }));
const iteratorOf = (StreamName: string) =>
  new GetShardIteratorCommand({
    ...{ StreamName, ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" },
  });

test("X09: a share of a put's records is throttled, and those are not stored; status names it; off is off", async () => {
  const client = node.client();
  await node.run("faults", "a", "--throttled", "0.5");
  expect(await node.run("status")).toContain("FAULTS ARE REHEARSED on a: 50 % throttled");
  // The decision reaches the gateway a moment later.
  const put = () => client.send(new PutRecordsCommand({ StreamName: "a", Records: records(500) }));
  let stored = 0;
  let failed = 0;
  await eventually(async () => {
    const { FailedRecordCount = 0, Records = [] } = await put();
    const throttled = Records.filter((each) => each.ErrorCode === "ProvisionedThroughputExceededException");
    expect(throttled).toHaveLength(FailedRecordCount);
    stored += 500 - FailedRecordCount;
    failed = FailedRecordCount;
    return failed > 0;
  }, 5_000);
  expect(failed).toBeGreaterThan(150);
  expect(failed).toBeLessThan(350);
  await node.run("faults", "a");
  expect(await node.run("status")).not.toContain("FAULTS");
  await eventually(async () => {
    const { FailedRecordCount = 0 } = await put();
    stored += 500 - FailedRecordCount;
    return FailedRecordCount === 0;
  }, 5_000);
  expect(await readShard(client, "a", "shardId-000000000000")).toHaveLength(stored);
});

test("X09: InternalFailure for a share of the calls, on that stream only", async () => {
  const client = node.client({ maxAttempts: 1 });
  await node.run("faults", "b", "--internal-failure", "1");
  const failure = async () => {
    const error: unknown = await client.send(iteratorOf("b")).catch((thrown: unknown) => thrown);
    return error instanceof Error ? error : undefined;
  };
  await eventually(async () => (await failure()) !== undefined, 5_000);
  expect([InternalFailureException.name, "InternalFailure"]).toContain((await failure())?.name);
  await client.send(iteratorOf("c"));
});

test("X09: iterators expire when they are used, in the words of the service", async () => {
  const client = node.client({ maxAttempts: 1 });
  const { ShardIterator } = await client.send(iteratorOf("c"));
  await node.run("faults", "c", "--expired-iterators", "1");
  let error: unknown;
  await eventually(async () => {
    error = await client.send(new GetRecordsCommand({ ShardIterator })).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return error !== undefined;
  }, 5_000);
  expect(error).toBeInstanceOf(ExpiredIteratorException);
  expect((error as Error).message).toMatch(/^Iterator expired\. .* tolerated delay of 300000 milliseconds\.$/);
});

test("X09: calls are slower by as much as is asked", async () => {
  const client = node.client();
  await node.run("faults", "d", "--latency-ms", "400");
  let tookMs = 0;
  await eventually(async () => {
    const startedAt = performance.now();
    await client.send(new PutRecordsCommand({ StreamName: "d", Records: records(1) }));
    tookMs = performance.now() - startedAt;
    return tookMs >= 399;
  }, 10_000);
});
