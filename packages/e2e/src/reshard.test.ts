import {
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  type Shard,
  SplitShardCommand,
  UpdateShardCountCommand,
} from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster } from "./harness/cluster.ts";
import { createStream, Ledger } from "@millrace/verifier";

let cluster: LocalCluster;
let client: KinesisClient;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
  client = cluster.client();
}, 60_000);

afterAll(async () => {
  await cluster.destroy();
});

async function active(stream: string): Promise<void> {
  await eventually(async () => {
    const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName: stream }));
    return StreamDescriptionSummary?.StreamStatus === "ACTIVE";
  }, 20_000);
}

async function shardsOf(stream: string): Promise<Shard[]> {
  return (await client.send(new ListShardsCommand({ StreamName: stream }))).Shards ?? [];
}

const isOpen = ({ SequenceNumberRange }: Shard): boolean => SequenceNumberRange?.EndingSequenceNumber === undefined;

/** Open ranges must tile the key space, whatever has happened. */
function expectTiles(shards: readonly Shard[]): void {
  const ranges = shards
    .filter(isOpen)
    .map(
      ({ HashKeyRange }) =>
        [BigInt(HashKeyRange?.StartingHashKey ?? 0), BigInt(HashKeyRange?.EndingHashKey ?? 0)] as const,
    )
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  let next = 0n;
  for (const [starting, ending] of ranges) {
    expect(starting).toBe(next);
    next = ending + 1n;
  }
  expect(next).toBe(2n ** 128n);
}

/** Reads like KCL: every shard to its end, then its children from their beginning, once all their parents are through. */
async function readLineage(stream: string): Promise<string[]> {
  const texts: string[] = [];
  const shards = await shardsOf(stream);
  const roots = shards.filter((shard) => shard.ParentShardId === undefined).map((shard) => shard.ShardId as string);
  const done = new Set<string>();
  const queue = [...roots];
  while (queue.length > 0) {
    const shardId = queue.shift() as string;
    if (done.has(shardId)) continue;
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamName: stream, ShardId: shardId, ShardIteratorType: "TRIM_HORIZON" }),
    );
    let iterator = ShardIterator;
    while (iterator !== undefined) {
      const page: {
        Records?: { Data?: Uint8Array }[];
        NextShardIterator?: string;
        MillisBehindLatest?: number;
        ChildShards?: { ShardId?: string; ParentShards?: string[] }[];
      } = (await client.send(new GetRecordsCommand({ ShardIterator: iterator }))) as never;
      for (const record of page.Records ?? []) texts.push(Buffer.from(record.Data ?? []).toString());
      iterator = page.NextShardIterator;
      if (iterator === undefined) {
        expect(page.ChildShards?.length).toBeGreaterThan(0);
        done.add(shardId);
        for (const child of page.ChildShards ?? []) {
          if (child.ParentShards?.every((parent) => done.has(parent))) queue.push(child.ShardId as string);
        }
      } else if (page.MillisBehindLatest === 0 && (page.Records ?? []).length === 0) break;
    }
  }
  return texts;
}

test("R07: splits, a merge and a new count under load lose, repeat and reorder nothing, and a reader follows the lineage", async () => {
  await createStream(client, "s", 2);
  const ledger = new Ledger("s");
  const stop = new AbortController();
  const writers = ["a", "b", "c"].map((name) => ledger.write(cluster.client(), name, 20, stop.signal, 5));
  const more = async (): Promise<void> => {
    const before = ledger.acknowledgedCount;
    await eventually(
      () => ledger.acknowledgedCount > before + 200,
      20_000,
      () => cluster.logs(),
    );
  };
  await more();
  await client.send(
    new SplitShardCommand({
      StreamName: "s",
      ShardToSplit: "shardId-000000000000",
      NewStartingHashKey: String(2n ** 126n),
    }),
  );
  await active("s");
  await more();
  expectTiles(await shardsOf("s"));
  await client.send(
    new MergeShardsCommand({
      StreamName: "s",
      ShardToMerge: "shardId-000000000003",
      AdjacentShardToMerge: "shardId-000000000001",
    }),
  );
  await active("s");
  await more();
  expectTiles(await shardsOf("s"));
  await client.send(
    new UpdateShardCountCommand({ StreamName: "s", TargetShardCount: 4, ScalingType: "UNIFORM_SCALING" }),
  );
  await active("s");
  await more();
  stop.abort();
  await Promise.all(writers);

  const shards = await shardsOf("s");
  expectTiles(shards);
  expect(shards.filter(isOpen)).toHaveLength(4);
  expect(ledger.failedRequests).toBe(0);
  expect([...ledger.failures]).toEqual([]);
  expect((await ledger.verify(client)).slice(0, 10)).toEqual([]);
  const byId = new Map(shards.map((shard) => [shard.ShardId, shard]));
  for (const child of shards) {
    for (const parentId of [child.ParentShardId, child.AdjacentParentShardId]) {
      const parent = parentId === undefined ? undefined : byId.get(parentId);
      if (parent === undefined) continue;
      expect(BigInt(child.SequenceNumberRange?.StartingSequenceNumber ?? 0)).toBeGreaterThan(
        BigInt(parent.SequenceNumberRange?.EndingSequenceNumber ?? 0),
      );
    }
  }
  const read = await readLineage("s");
  expect(new Set(read).size).toBe(read.length);
  for (const id of ledger.acknowledged.keys()) if (!read.includes(id)) throw new Error(`${id} was not read`);
}, 120_000);
