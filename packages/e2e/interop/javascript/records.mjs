// A stream's records: written over a reshard, read by every kind of iterator, pushed, and read on after a restart.
import { createInterface } from "node:readline";
import { waitUntilStreamExists } from "@aws-sdk/client-kinesis";
import { check } from "./checks.mjs";

const FIRST = "shardId-000000000000";
const QUARTER = String(2n ** 126n);

export async function checkRecords(client, StreamName) {
  const active = () => waitUntilStreamExists({ client, maxWaitTime: 30, minDelay: 1 }, { StreamName });
  const iterator = async (where, ShardId = FIRST) =>
    (await client.getShardIterator({ StreamName, ShardId, ...where })).ShardIterator;
  const textsFrom = async (ShardIterator) => texts((await client.getRecords({ ShardIterator })).Records);

  await client.createStream({ StreamName, ShardCount: 2 });
  await active();

  const put = (Data, ExplicitHashKey = "0") =>
    client.putRecord({ StreamName, PartitionKey: "k", ExplicitHashKey, Data: Buffer.from(Data) });
  const latest = await iterator({ ShardIteratorType: "LATEST" });
  const numbers = [];
  for (const text of ["a", "b"]) numbers.push((await put(text)).SequenceNumber);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const Timestamp = new Date();
  numbers.push((await put("c")).SequenceNumber);
  check("sequence numbers grow", BigInt(numbers[0]) < BigInt(numbers[1]) && BigInt(numbers[1]) < BigInt(numbers[2]));
  const at = { StartingSequenceNumber: numbers[1] };
  const seen = [
    await textsFrom(await iterator({ ShardIteratorType: "TRIM_HORIZON" })),
    await textsFrom(await iterator({ ShardIteratorType: "AT_SEQUENCE_NUMBER", ...at })),
    await textsFrom(await iterator({ ShardIteratorType: "AFTER_SEQUENCE_NUMBER", ...at })),
    await textsFrom(await iterator({ ShardIteratorType: "AT_TIMESTAMP", Timestamp })),
    await textsFrom(latest),
  ];
  check("every type of iterator", String(seen) === "a,b,c,b,c,c,c,a,b,c", seen);
  const start = await iterator({ ShardIteratorType: "TRIM_HORIZON" });
  const page = await client.getRecords({ ShardIterator: start, Limit: 1 });
  const rest = await textsFrom(page.NextShardIterator);
  check("a page of one record, and the next", page.Records.length === 1 && String(rest) === "b,c", rest);

  const written = ["a", "b", "c"];
  const putMany = async () => {
    const fresh = Array.from({ length: 100 }, (_, i) => String(written.length + i));
    written.push(...fresh);
    let Records = fresh.map((text) => ({ PartitionKey: text, Data: Buffer.from(text) }));
    while (Records.length > 0) {
      const answer = await client.putRecords({ StreamName, Records });
      Records = Records.filter((_, i) => answer.Records[i].ErrorCode !== undefined);
    }
  };
  await putMany();
  await client.splitShard({ StreamName, ShardToSplit: FIRST, NewStartingHashKey: QUARTER });
  await putMany();
  await active();
  const children = { ShardToMerge: "shardId-000000000002", AdjacentShardToMerge: "shardId-000000000003" };
  await client.mergeShards({ StreamName, ...children });
  await putMany();
  await active();
  await client.updateShardCount({ StreamName, TargetShardCount: 4, ScalingType: "UNIFORM_SCALING" });
  await putMany();
  await active();
  const read = [];
  const shards = [];
  for (let input = { StreamName, MaxResults: 3 }; input !== undefined;) {
    const { Shards, NextToken } = await client.listShards(input);
    shards.push(...Shards);
    input = NextToken === undefined ? undefined : { NextToken, MaxResults: 3 };
  }
  for (const { ShardId } of shards) {
    let next = await iterator({ ShardIteratorType: "TRIM_HORIZON" }, ShardId);
    for (let behind = 1; next !== undefined && behind > 0;) {
      const answer = await client.getRecords({ ShardIterator: next });
      read.push(...texts(answer.Records));
      next = answer.NextShardIterator;
      behind = answer.MillisBehindLatest;
    }
  }
  const once = read.length === written.length && new Set(read).size === written.length;
  check("every record once over a split, a merge and UpdateShardCount", once, [shards.length, read.length]);

  const { StreamARN } = (await client.describeStreamSummary({ StreamName })).StreamDescriptionSummary;
  const { Consumer } = await client.registerStreamConsumer({ StreamARN, ConsumerName: "app" });
  const subscribe = async (ShardId, Type) => {
    const StartingPosition = { Type };
    return (await client.subscribeToShard({ ConsumerARN: Consumer.ConsumerARN, ShardId, StartingPosition }))
      .EventStream;
  };
  let end;
  const pushed = [];
  for await (const { SubscribeToShardEvent: event } of await subscribe(FIRST, "TRIM_HORIZON")) {
    pushed.push(...texts(event.Records));
    if (event.ChildShards?.length > 0) end = event;
  }
  const parentTexts = pushed.slice(0, 3).join();
  check(
    "fan-out comes to a parent's end and its children",
    parentTexts === "a,b,c" && end?.ChildShards.length === 2,
    end,
  );
  const open = shards.find(({ SequenceNumberRange }) => SequenceNumberRange.EndingSequenceNumber === undefined);
  const key = open.HashKeyRange.StartingHashKey;
  const events = await subscribe(open.ShardId, "LATEST");
  const sentAt = Date.now();
  await put("pushed", key);
  for await (const { SubscribeToShardEvent: event } of events) if (String(texts(event.Records)) === "pushed") break;
  check("fan-out pushes within a second", Date.now() - sentAt < 1_000, Date.now() - sentAt);

  const before = await iterator({ ShardIteratorType: "LATEST" }, open.ShardId);
  await put("before", key);
  await everyNodeRestarted();
  await put("after", key);
  const after = await textsFrom(before);
  check(
    "the same client and its iterator go on after a restart of every node",
    String(after) === "before,after",
    after,
  );
  await client.deleteStream({ StreamName, EnforceConsumerDeletion: true });
}

const texts = (records) => records.map(({ Data }) => Buffer.from(Data).toString());

async function everyNodeRestarted() {
  console.log("restart");
  const lines = createInterface({ input: process.stdin });
  await new Promise((resolve) => lines.once("line", resolve));
  lines.close();
}
