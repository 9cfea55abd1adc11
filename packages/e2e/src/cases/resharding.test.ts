import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../harness/cluster.ts";
import { callRaw, type RawAnswer } from "../harness/raw.ts";
import { SingleNode } from "../harness/single.ts";

const HASH_KEYS = 2n ** 128n;
let node: SingleNode;

beforeAll(async () => {
  node = await SingleNode.start("--memory", "--quotas", "off", "--streams", "r01:2,r03,r05:4,r11:2,again,pages:4");
}, 30_000);
afterAll(() => node.destroy());

interface Shard {
  readonly ShardId: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  readonly SequenceNumberRange: { readonly EndingSequenceNumber?: string };
}

const call = (operation: string, input: unknown): Promise<RawAnswer> => callRaw(node.endpoint, operation, input);
const shardsOf = async (StreamName: string): Promise<Shard[]> =>
  (await call("ListShards", { StreamName })).body.Shards as Shard[];

async function summary(StreamName: string): Promise<Record<string, unknown>> {
  const { body } = await call("DescribeStreamSummary", { StreamName });
  return body.StreamDescriptionSummary as Record<string, unknown>;
}
const active = (stream: string): Promise<void> =>
  eventually(async () => (await summary(stream)).StreamStatus === "ACTIVE", 10_000);

test("R01: what was split or merged is not split or merged again, nor is what does not fit; the map stays", async () => {
  const at = String(2n ** 126n);
  const split = { StreamName: "r01", ShardToSplit: "shardId-000000000000", NewStartingHashKey: at };
  expect((await call("SplitShard", split)).status).toBe(200);
  await active("r01");
  const before = await shardsOf("r01");
  const [, second] = before;
  const refused: [string, object][] = [
    ["SplitShard", split],
    ["MergeShards", { ShardToMerge: "shardId-000000000000", AdjacentShardToMerge: "shardId-000000000001" }],
    ["MergeShards", { ShardToMerge: "shardId-000000000002", AdjacentShardToMerge: "shardId-000000000001" }],
    ["SplitShard", { ShardToSplit: "shardId-000000000001", NewStartingHashKey: "1" }],
    ["SplitShard", { ShardToSplit: "shardId-000000000001", NewStartingHashKey: String(HASH_KEYS - 1n) }],
    [
      "SplitShard",
      { ShardToSplit: "shardId-000000000001", NewStartingHashKey: second?.HashKeyRange.StartingHashKey ?? "" },
    ],
  ];
  for (const [operation, input] of refused) {
    const { status, error, body } = await call(operation, { StreamName: "r01", ...input });
    expect([operation, input, status, error]).toEqual([operation, input, 400, "InvalidArgumentException"]);
    if (input === split) expect(body.message).toMatch(/(merged|split)/);
  }
  expect(await shardsOf("r01")).toEqual(before);
});

test("R03: counts are of open shards, up and down", async () => {
  let current = 1;
  for (const TargetShardCount of [2, 4, 8, 4, 2]) {
    const input = { StreamName: "r03", TargetShardCount, ScalingType: "UNIFORM_SCALING" };
    const { status, body } = await call("UpdateShardCount", input);
    expect(status).toBe(200);
    expect(body).toMatchObject({ CurrentShardCount: current, TargetShardCount });
    await active("r03");
    expect(await summary("r03")).toMatchObject({ OpenShardCount: TargetShardCount });
    const open = (await shardsOf("r03")).filter((shard) => !shard.SequenceNumberRange.EndingSequenceNumber);
    let next = 0n;
    for (const { HashKeyRange } of open.toSorted((a, b) =>
      BigInt(a.HashKeyRange.StartingHashKey) < BigInt(b.HashKeyRange.StartingHashKey) ? -1 : 1,
    )) {
      expect(BigInt(HashKeyRange.StartingHashKey)).toBe(next);
      next = BigInt(HashKeyRange.EndingHashKey) + 1n;
    }
    expect([open.length, next]).toEqual([TargetShardCount, HASH_KEYS]);
    current = TargetShardCount;
  }
}, 30_000);

test("R05: a hash key goes to the shard that covers it, a partition key by its MD5, and what is no hash key is refused", async () => {
  const shards = await shardsOf("r05");
  const owner = (hashKey: bigint): string | undefined =>
    shards.find(
      ({ HashKeyRange: { StartingHashKey, EndingHashKey } }) =>
        hashKey >= BigInt(StartingHashKey) && hashKey <= BigInt(EndingHashKey),
    )?.ShardId;
  const bounds = shards.flatMap(({ HashKeyRange }) => Object.values(HashKeyRange).map(BigInt));
  for (const hashKey of [0n, 2n ** 127n, HASH_KEYS - 1n, ...bounds]) {
    const entry = { PartitionKey: "k", Data: "AA==", ExplicitHashKey: String(hashKey) };
    const { body } = await call("PutRecord", { StreamName: "r05", ...entry });
    expect(body.ShardId).toBe(owner(hashKey));
    const many = await call("PutRecords", { StreamName: "r05", Records: [entry] });
    expect((many.body.Records as { ShardId: string }[])[0]?.ShardId).toBe(owner(hashKey));
  }
  for (const key of ["user-1", "ключ", "🦀"]) {
    const { body } = await call("PutRecord", { StreamName: "r05", PartitionKey: key, Data: "AA==" });
    expect(body.ShardId).toBe(owner(BigInt(`0x${createHash("md5").update(key).digest("hex")}`)));
  }
  for (const ExplicitHashKey of ["-1", String(HASH_KEYS), "0x10", "1.0", " 5", ""]) {
    const entry = { PartitionKey: "k", Data: "AA==", ExplicitHashKey };
    const one = await call("PutRecord", { StreamName: "r05", ...entry });
    const many = await call("PutRecords", {
      StreamName: "r05",
      Records: [{ PartitionKey: "k", Data: "AQ==", ExplicitHashKey: "7" }, entry],
    });
    for (const { status, error } of [one, many]) {
      expect([
        ExplicitHashKey,
        status,
        ["InvalidArgumentException", "ValidationException"].includes(error ?? ""),
      ]).toEqual([...[ExplicitHashKey, 400, true]]);
    }
  }
  const start = await call("GetShardIterator", {
    ...{ StreamName: "r05", ShardId: owner(7n), ShardIteratorType: "TRIM_HORIZON" },
  });
  const { body } = await call("GetRecords", { ShardIterator: start.body.ShardIterator });
  expect((body.Records as { Data: string }[]).filter(({ Data }) => Data === "AQ==")).toEqual([]);
});

test("a reshard or registration whose answer was lost is done once, and its repetition is told so, whatever it finds", async () => {
  let calls = 0;
  const twice = async (operation: string, input: object, between: () => Promise<unknown>): Promise<RawAnswer[]> => {
    const id = `0000000${++calls}-0000-4000-8000-000000000000`;
    const attempt = (number: number): Promise<RawAnswer> => {
      const headers = { "amz-sdk-invocation-id": id, "amz-sdk-request": `attempt=${number}; max=3` };
      return callRaw(node.endpoint, operation, { StreamName: "again", ...input }, { headers });
    };
    const first = await attempt(1);
    const early = await attempt(2); // while it is UPDATING, perhaps
    await between();
    return [first, early, await attempt(3)];
  };
  const settled = (): Promise<void> => active("again");
  const reshards: [string, object, number][] = [
    ["SplitShard", { ShardToSplit: "shardId-000000000000", NewStartingHashKey: String(2n ** 126n) }, 3],
    ["MergeShards", { ShardToMerge: "shardId-000000000001", AdjacentShardToMerge: "shardId-000000000002" }, 4],
    ["UpdateShardCount", { TargetShardCount: 2, ScalingType: "UNIFORM_SCALING" }, 6],
  ];
  for (const [operation, input, count] of reshards) {
    const answers = await twice(operation, input, settled);
    expect([operation, ...answers.map(({ status }) => status)]).toEqual([operation, 200, 200, 200]);
    expect(await shardsOf("again")).toHaveLength(count);
  }
  const StreamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/again";
  const registered = await twice("RegisterStreamConsumer", { StreamARN, ConsumerName: "app" }, settled);
  expect(registered.map(({ status, body }) => [status, body])).toEqual(Array(3).fill([200, registered[0]?.body]));
  // Another call that asks for the same is another call, and so is one whose first attempt nobody knows.
  for (const headers of [{}, { "amz-sdk-invocation-id": "another", "amz-sdk-request": "attempt=2" }]) {
    const [split, register] = [
      await callRaw(node.endpoint, "SplitShard", { StreamName: "again", ...reshards[0]?.[1] }, { headers }),
      await callRaw(node.endpoint, "RegisterStreamConsumer", { StreamARN, ConsumerName: "app" }, { headers }),
    ];
    expect([split.error, register.error]).toEqual(["InvalidArgumentException", "ResourceInUseException"]);
    expect(split.body.message).toMatch(/already been merged or split/);
  }
  expect(await shardsOf("again")).toHaveLength(6);
}, 30_000);

test("all pages of ListShards show one moment, whatever is split and merged between them", async () => {
  const first = await call("ListShards", { StreamName: "pages", MaxResults: 2, ShardFilter: { Type: "AT_LATEST" } });
  const pages = [first.body.Shards as Shard[]];
  // The first is of a page that was given, the others are not.
  const at = String(2n ** 100n);
  await call("SplitShard", { StreamName: "pages", ShardToSplit: "shardId-000000000000", NewStartingHashKey: at });
  await active("pages");
  const merge = { ShardToMerge: "shardId-000000000002", AdjacentShardToMerge: "shardId-000000000003" };
  await call("MergeShards", { StreamName: "pages", ...merge });
  await active("pages");
  for (let NextToken = first.body.NextToken; NextToken !== undefined;) {
    const { status, body } = await call("ListShards", { NextToken, MaxResults: 1 });
    expect(status).toBe(200);
    pages.push(body.Shards as Shard[]);
    NextToken = body.NextToken;
  }
  const all = pages.flat();
  expect(all.map(({ ShardId }) => Number(ShardId.slice(-12)))).toEqual([0, 1, 2, 3]);
  expect(all.filter(({ SequenceNumberRange }) => SequenceNumberRange.EndingSequenceNumber)).toEqual([]);
  expect((await shardsOf("pages")).map(({ SequenceNumberRange: range }) => !range.EndingSequenceNumber)).toEqual(
    [0, 1, 2, 3, 4, 5, 6].map((number) => ![0, 2, 3].includes(number)),
  );
});

test("R11: a stream changes its mode and back with its shards and data; a bare on-demand one has four shards", async () => {
  await call("PutRecord", { StreamName: "r11", PartitionKey: "k", Data: "AA==", ExplicitHashKey: "0" });
  const StreamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/r11";
  for (const StreamMode of ["ON_DEMAND", "PROVISIONED"]) {
    expect((await call("UpdateStreamMode", { StreamARN, StreamModeDetails: { StreamMode } })).status).toBe(200);
    await active("r11");
    expect(await summary("r11")).toMatchObject({ StreamModeDetails: { StreamMode }, OpenShardCount: 2 });
    const start = await call("GetShardIterator", {
      ...{ StreamName: "r11", ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" },
    });
    expect((await call("GetRecords", { ShardIterator: start.body.ShardIterator })).body.Records).toHaveLength(1);
  }
  await call("CreateStream", { StreamName: "bare", StreamModeDetails: { StreamMode: "ON_DEMAND" } });
  await active("bare");
  expect(await summary("bare")).toMatchObject({ OpenShardCount: 4, StreamModeDetails: { StreamMode: "ON_DEMAND" } });
});
