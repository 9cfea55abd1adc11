// SubscribeToShard from a stream's first record to its last, from parents to children, over two splits and a merge under load.
import { waitUntilStreamExists } from "@aws-sdk/client-kinesis";
import { check } from "./checks.mjs";

const QUARTER = 2n ** 126n;
const BATCH = 500;
/** A second and a half of one shard's quota, and then no more than it gives. */
const PAUSE_MS = 60;
const WAIT_MS = 60_000;

export async function checkPushed(client, StreamName, count) {
  const active = () => waitUntilStreamExists({ client, maxWaitTime: 30, minDelay: 1 }, { StreamName });
  await client.createStream({ StreamName, ShardCount: 2 });
  await active();
  const { StreamARN } = (await client.describeStreamSummary({ StreamName })).StreamDescriptionSummary;
  const { Consumer } = await client.registerStreamConsumer({ StreamARN, ConsumerName: "app" });
  const consumer = new Consumption(client, Consumer.ConsumerARN);
  for (const shardId of ["shardId-000000000000", "shardId-000000000001"]) void consumer.follow(shardId);

  const writing = Promise.all([write(client, StreamName, 0, count / 2), write(client, StreamName, count / 2, count)]);
  const [ShardToSplit, second] = ["shardId-000000000000", "shardId-000000000001"];
  await client.splitShard({ StreamName, ShardToSplit, NewStartingHashKey: String(QUARTER) });
  await active();
  await client.splitShard({ StreamName, ShardToSplit: second, NewStartingHashKey: String(3n * QUARTER) });
  await active();
  const inner = { ShardToMerge: "shardId-000000000003", AdjacentShardToMerge: "shardId-000000000004" };
  await client.mergeShards({ StreamName, ...inner });
  await active();
  await writing;
  const deadline = Date.now() + WAIT_MS;
  while (consumer.seen.size < count && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  // What comes twice comes soon.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const { seen, records, parents, disordered } = consumer;
  check(`fan-out of ${count} records over two splits and a merge`, seen.size === count, seen.size);
  check("and none of them twice, nor out of order", records === count && disordered === 0, [records, disordered]);
  check("four parents reach their end", parents === 4, parents);
  consumer.isOver = true;
  await client.deleteStream({ StreamName, EnforceConsumerDeletion: true });
}

class Consumption {
  seen = new Set();
  records = 0;
  disordered = 0;
  parents = 0;
  isOver = false;
  #client;
  #consumerArn;
  #followed = new Set();

  constructor(client, consumerArn) {
    this.#client = client;
    this.#consumerArn = consumerArn;
  }

  async follow(ShardId) {
    if (this.#followed.has(ShardId)) return;
    this.#followed.add(ShardId);
    let StartingPosition = { Type: "TRIM_HORIZON" };
    let last = 0n;
    try {
      for (;;) {
        const ConsumerARN = this.#consumerArn;
        const { EventStream } = await this.#client.subscribeToShard({ ConsumerARN, ShardId, StartingPosition });
        for await (const { SubscribeToShardEvent: event } of EventStream) {
          for (const { Data, SequenceNumber } of event.Records) {
            this.records++;
            this.seen.add(Buffer.from(Data).toString());
            if (BigInt(SequenceNumber) <= last) this.disordered++;
            last = BigInt(SequenceNumber);
          }
          if (event.ChildShards?.length > 0) {
            this.parents++;
            for (const child of event.ChildShards) void this.follow(child.ShardId);
            return;
          }
          const SequenceNumber = event.ContinuationSequenceNumber;
          if (SequenceNumber !== undefined) StartingPosition = { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber };
        }
      }
    } catch (error) {
      if (!this.isOver) throw error;
    }
  }
}

async function write(client, StreamName, from, to) {
  for (let next = from; next < to; next += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, to - next) }, (_, at) => String(next + at));
    let Records = numbers.map((text) => ({ PartitionKey: text, Data: Buffer.from(text) }));
    while (Records.length > 0) {
      const answer = await client.putRecords({ StreamName, Records });
      Records = Records.filter((_, at) => answer.Records[at].ErrorCode !== undefined);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
