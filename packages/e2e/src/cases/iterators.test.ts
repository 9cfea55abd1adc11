import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../harness/cluster.ts";
import { callRaw, type RawAnswer, type RawOptions } from "../harness/raw.ts";
import { SingleNode } from "../harness/single.ts";

const MIB = 1_048_576;
const SHARD_0 = "shardId-000000000000";
let node: SingleNode;

beforeAll(async () => {
  node = await SingleNode.start("--quotas", "off", "--streams", "i01,i03,i07,i09,i11,i11small");
}, 30_000);
afterAll(() => node.destroy());

interface Page {
  readonly Records: { readonly Data: string; readonly SequenceNumber: string }[];
  readonly NextShardIterator?: string;
  readonly MillisBehindLatest: number;
  readonly ChildShards?: { ShardId: string; ParentShards: string[]; HashKeyRange: unknown }[];
}

const call = (operation: string, input: unknown, options?: RawOptions): Promise<RawAnswer> =>
  callRaw(node.endpoint, operation, input, options);
const put = (stream: string, text: string) =>
  call("PutRecord", { StreamName: stream, PartitionKey: "k", Data: Buffer.from(text).toString("base64") });

async function iterator(stream: string, type: string, rest: object = {}, ShardId = SHARD_0): Promise<string> {
  const input = { StreamName: stream, ShardId, ShardIteratorType: type, ...rest };
  const { status, body } = await call("GetShardIterator", input);
  expect(status).toBe(200);
  return body.ShardIterator as string;
}

async function get(ShardIterator: string | undefined, Limit?: number): Promise<Page> {
  const { status, body } = await call("GetRecords", { ShardIterator, Limit });
  expect(status).toBe(200);
  return body as unknown as Page;
}

const texts = ({ Records }: Page): string[] => Records.map(({ Data }) => Buffer.from(Data, "base64").toString());

test("I01: LATEST is the tip of the moment when the iterator is issued; an unknown shard fails there", async () => {
  await put("i01", "before");
  const latest = await iterator("i01", "LATEST");
  await put("i01", "after");
  await new Promise((resolve) => setTimeout(resolve, 300)); // the tip must not move on with time
  expect(texts(await get(latest))).toEqual(["after"]);
  const unknown = await call("GetShardIterator", {
    ...{ StreamName: "i01", ShardId: "shardId-000000000007", ShardIteratorType: "LATEST" },
  });
  expect([unknown.status, unknown.error]).toEqual([400, "ResourceNotFoundException"]);
});

test("I03: an iterator used again answers the same, whoever reads on, and after a restart", async () => {
  for (const text of ["a", "b", "c"]) await put("i03", text);
  const start = await iterator("i03", "TRIM_HORIZON");
  const first = await get(start, 2);
  expect(texts(first)).toEqual(["a", "b"]);
  expect(texts(await get(first.NextShardIterator))).toEqual(["c"]);
  expect(texts(await get(start, 2))).toEqual(["a", "b"]);
  await node.kill("SIGKILL");
  await node.launch();
  expect(texts(await get(start, 2))).toEqual(["a", "b"]);
  expect(texts(await get(first.NextShardIterator))).toEqual(["c"]);
}, 30_000);

test("I07, R09: a closed shard is read to its end, which names the children, and iterators of it are still given", async () => {
  for (let i = 0; i < 5; i++) await put("i07", `${i}`);
  const last = (await put("i07", "last")).body.SequenceNumber as string;
  const split = { StreamName: "i07", ShardToSplit: SHARD_0, NewStartingHashKey: String(2n ** 127n) };
  expect((await call("SplitShard", split)).status).toBe(200);
  let parent: { SequenceNumberRange: { EndingSequenceNumber?: string } } | undefined;
  await eventually(async () => {
    const { body } = await call("ListShards", { StreamName: "i07" });
    [parent] = body.Shards as (typeof parent)[];
    return parent?.SequenceNumberRange.EndingSequenceNumber !== undefined;
  }, 10_000);
  const ending = parent?.SequenceNumberRange.EndingSequenceNumber as string;
  expect(BigInt(ending)).toBeGreaterThanOrEqual(BigInt(last));

  let page = await get(await iterator("i07", "TRIM_HORIZON"));
  const seen = texts(page);
  for (let reads = 0; page.NextShardIterator !== undefined && reads < 20; reads++) {
    page = await get(page.NextShardIterator);
    seen.push(...texts(page));
  }
  expect(seen).toEqual(["0", "1", "2", "3", "4", "last"]);
  expect(page.NextShardIterator).toBeUndefined();
  expect(page.MillisBehindLatest).toBe(0);
  expect(page.ChildShards).toEqual([
    {
      ShardId: "shardId-000000000001",
      ParentShards: [SHARD_0],
      HashKeyRange: { StartingHashKey: "0", EndingHashKey: String(2n ** 127n - 1n) },
    },
    {
      ShardId: "shardId-000000000002",
      ParentShards: [SHARD_0],
      HashKeyRange: { StartingHashKey: String(2n ** 127n), EndingHashKey: String(2n ** 128n - 1n) },
    },
  ]);
  expect(texts(await get(await iterator("i07", "AT_SEQUENCE_NUMBER", { StartingSequenceNumber: last })))).toEqual([
    "last",
  ]);
  for (const [type, rest] of [
    ["LATEST", {}],
    ["AFTER_SEQUENCE_NUMBER", { StartingSequenceNumber: last }],
    ["AFTER_SEQUENCE_NUMBER", { StartingSequenceNumber: ending }],
    ["AT_TIMESTAMP", { Timestamp: Date.now() / 1_000 }],
  ] as const) {
    const end = await get(await iterator("i07", type, rest));
    expect([end.Records, end.NextShardIterator, end.ChildShards?.length]).toEqual([[], undefined, 2]);
  }
});

test("I09: MillisBehindLatest is a time: as long as between the records, and 0 at the tip", async () => {
  await put("i09", "a");
  const firstAtMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 1_200)); // the time that is measured
  await put("i09", "b");
  const betweenMs = performance.now() - firstAtMs;
  const first = await get(await iterator("i09", "TRIM_HORIZON"), 1);
  expect(texts(first)).toEqual(["a"]);
  expect(first.MillisBehindLatest).toBeGreaterThanOrEqual(1_100);
  expect(first.MillisBehindLatest).toBeLessThanOrEqual(betweenMs + 200);
  const second = await get(first.NextShardIterator, 1);
  expect(texts(second)).toEqual(["b"]);
  expect(second.MillisBehindLatest).toBe(0);
});

test("I11: pages hold at most 10 MiB and 10,000 records, and together everything once", async () => {
  const data = Buffer.alloc(MIB - 8).toString("base64");
  for (let i = 0; i < 5; i++) {
    const Records = Array.from({ length: 6 }, () => ({ PartitionKey: "k", Data: data }));
    expect((await call("PutRecords", { StreamName: "i11", Records })).body.FailedRecordCount).toBe(0);
  }
  for (let i = 0; i < 50; i++) {
    const Records = Array.from({ length: 500 }, (_, j) => ({
      ...{ PartitionKey: "k", Data: Buffer.from(`${i * 500 + j}`).toString("base64") },
    }));
    expect((await call("PutRecords", { StreamName: "i11small", Records })).body.FailedRecordCount).toBe(0);
  }
  const pagesOf = async (stream: string, limit?: number): Promise<Page[]> => {
    const pages: Page[] = [];
    let at: string | undefined = await iterator(stream, "TRIM_HORIZON");
    for (;;) {
      const page: Page = await get(at, limit);
      pages.push(page);
      if (page.MillisBehindLatest === 0) return pages;
      at = page.NextShardIterator;
    }
  };
  const large = await pagesOf("i11");
  for (const { Records } of large) expect(Records.length).toBeLessThanOrEqual(10);
  expect(large.flatMap(({ Records }) => Records)).toHaveLength(30);
  for (const limit of [undefined, 10_000]) {
    const small = await pagesOf("i11small", limit);
    for (const { Records } of small) expect(Records.length).toBeLessThanOrEqual(10_000);
    expect(small.flatMap(texts)).toEqual(Array.from({ length: 25_000 }, (_, i) => `${i}`));
  }
  const start = await iterator("i11", "TRIM_HORIZON");
  expect((await get(start, 1)).Records).toHaveLength(1);
  for (const Limit of [0, 10_001]) {
    const { status, error } = await call("GetRecords", { ShardIterator: start, Limit });
    expect([Limit, status, error]).toEqual([Limit, 400, "ValidationException"]);
  }
}, 60_000);
