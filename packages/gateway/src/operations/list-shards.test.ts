import { expect, test } from "vitest";
import { Served, streamOfShards } from "../testing/served.ts";

const served = new Served([streamOfShards("s", 3)], { quotas: "off" });

type Shards = { ShardId: string }[];
const numbers = (shards: Shards): number[] => shards.map(({ ShardId }) => Number(ShardId.slice("shardId-".length)));

async function listed(start: string): Promise<number[]> {
  const { Shards } = await served.call("ListShards", { StreamName: "s", ExclusiveStartShardId: start });
  const ShardFilter = { Type: "AFTER_SHARD_ID", ShardId: start };
  const { Shards: filtered } = await served.call("ListShards", { StreamName: "s", ShardFilter });
  expect(filtered).toEqual(Shards);
  return numbers(Shards as Shards);
}

async function described(start: string): Promise<number[]> {
  const { StreamDescription } = await served.call("DescribeStream", { StreamName: "s", ExclusiveStartShardId: start });
  return numbers((StreamDescription as { Shards: Shards }).Shards);
}

test("a listing goes on behind its start, whether that exists, ever will, or is no shard's id at all", async () => {
  for (const [start, expected] of [
    ["shardId-000000000000", [1, 2]],
    ["0", [1, 2]],
    ["shardId-000000000002", []],
    ["shardId-000000000099", []],
    ["shardId-99999999999", []],
    ["zebra", []],
    ["shard", [0, 1, 2]],
  ] as const) {
    expect(await listed(start)).toEqual(expected);
    expect(await described(start)).toEqual(expected);
  }
});

test("a page's token holds on to its place", async () => {
  const first = await served.call("ListShards", { StreamName: "s", MaxResults: 1 });
  const second = await served.call("ListShards", { NextToken: first.NextToken, MaxResults: 1 });
  const third = await served.call("ListShards", { NextToken: second.NextToken });
  expect([first, second, third].map(({ Shards }) => numbers(Shards as Shards))).toEqual([[0], [1], [2]]);
  expect(third.NextToken).toBeUndefined();
});
