import { expect, test } from "vitest";
import type { AwsError } from "./errors.ts";
import { Served, streamOfShards } from "./testing/served.ts";

const MINUTE_MS = 60_000;

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
