import type { Shard, Stream } from "@millrace/proto";
import { expect, test } from "vitest";
import type { AwsError } from "./errors.ts";
import { Served, streamOfShards } from "./testing/served.ts";

const MINUTE_MS = 60_000;

/** Of three shards, the first split at `closedAtS`. */
function splitStream(closedAtS: number): Stream {
  const stream = streamOfShards("s", 3);
  const [first, ...rest] = stream.shards as [Shard, ...Shard[]];
  const child = (number: number): Shard => ({
    ...first,
    ...{ number, groupId: 16 + number, createdAtS: closedAtS + 1, parent: 0 },
  });
  return { ...stream, shards: [{ ...first, closedAtS }, ...rest, child(3), child(4)] };
}

test("I05: an iterator lives for five minutes, and then the error names both times and the delay", async () => {
  const served = new Served([streamOfShards("s", 3)], { quotas: "off" });
  const start = { StreamName: "s", ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" };
  const { ShardIterator } = await served.call("GetShardIterator", start);
  const use = () => served.call("GetRecords", { ShardIterator }).catch((error: unknown) => error as AwsError);
  served.nowMs += 5 * MINUTE_MS;
  expect(await use()).toMatchObject({ message: "nobody is asked" });
  served.nowMs += 1;
  expect(await use()).toMatchObject({
    awsName: "ExpiredIteratorException",
    message: expect.stringMatching(
      /^Iterator expired\. The iterator was created at time .+ while right now it is .+ which is further in the future than the tolerated delay of 300000 milliseconds\.$/,
    ) as string,
  });
});

test("W11: a page token lives for five minutes", async () => {
  const served = new Served([streamOfShards("s", 3)], { quotas: "off" });
  const { NextToken } = await served.call("ListShards", { StreamName: "s", MaxResults: 2 });
  served.nowMs += 5 * MINUTE_MS;
  expect(await served.call("ListShards", { NextToken })).toMatchObject({
    Shards: [{ ShardId: "shardId-000000000002" }],
  });
  served.nowMs += 1;
  await expect(served.call("ListShards", { NextToken })).rejects.toMatchObject({
    awsName: "ExpiredNextTokenException",
  });
});

test("a closed shard is listed until retention has taken its last record, by ListShards and DescribeStream alike", async () => {
  const closedAtS = 1_800_000_000;
  const served = new Served([splitStream(closedAtS)], { quotas: "off" });
  const numbers = async (): Promise<number[][]> => {
    const listed = (await served.call("ListShards", { StreamName: "s" })) as unknown as Listed;
    const { StreamDescription } = (await served.call("DescribeStream", { StreamName: "s" })) as unknown as Described;
    return [listed, StreamDescription].map(({ Shards }) => Shards.map(({ ShardId }) => Number(ShardId.slice(-12))));
  };
  served.nowMs = (closedAtS + 24 * 3_600) * 1_000;
  expect(await numbers()).toEqual([
    [0, 1, 2, 3, 4],
    [0, 1, 2, 3, 4],
  ]);
  served.nowMs += 1_000;
  expect(await numbers()).toEqual([
    [1, 2, 3, 4],
    [1, 2, 3, 4],
  ]);
});

interface Listed {
  readonly Shards: readonly { readonly ShardId: string }[];
}
interface Described {
  readonly StreamDescription: Listed;
}
