import type { LocalCluster } from "@millrace/e2e";
import {
  type KinesisClient,
  PutRecordCommand,
  RegisterStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  SubscribeToShardCommand,
  type SubscribeToShardEventStream,
} from "@aws-sdk/client-kinesis";
import { createStream } from "@millrace/verifier";
import { build, type Histogram } from "hdr-histogram-js";
import type { Figure } from "../report.ts";

/**
 * Enhanced fan-out: records put at a fixed pace, and how long after its put was acknowledged each reaches a consumer that is
 * subscribed by the SDK. What comes before its acknowledgement does counts as 0.
 */
export async function propagation(
  cluster: LocalCluster,
  perSecond: number,
  consumers: number,
  seconds: number,
): Promise<Figure[]> {
  const client = cluster.client();
  const stream = `propagation-${consumers}`;
  await createStream(client, stream, 1);
  const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName: stream }));
  const arrivals = new Map<string, number[]>();
  const subscriptions = await Promise.all(
    Array.from({ length: consumers }, (_, number) =>
      subscribe(client, StreamDescriptionSummary?.StreamARN as string, `consumer-${number}`, arrivals),
    ),
  );
  const acknowledgedAt = new Map<string, number>();
  const startedAt = performance.now();
  const total = perSecond * seconds;
  const puts: Promise<void>[] = [];
  for (let index = 0; index < total; index++) {
    const wait = startedAt + (index * 1_000) / perSecond - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    puts.push(put(client, stream, acknowledgedAt));
  }
  await Promise.all(puts);
  const deadline = performance.now() + 10_000;
  const isThere = (number: string): boolean => arrivals.get(number)?.length === consumers;
  while (![...acknowledgedAt.keys()].every(isThere)) {
    if (performance.now() > deadline) throw new Error("records that were acknowledged did not reach every consumer");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const end of subscriptions) end();
  client.destroy();
  const workload = `SubscribeToShard, ${consumers} consumers, ${perSecond} records/s (SDK)`;
  return figuresOf(workload, acknowledgedAt, arrivals);
}

async function put(client: KinesisClient, stream: string, acknowledgedAt: Map<string, number>): Promise<void> {
  const record = { StreamName: stream, PartitionKey: "key", Data: Buffer.alloc(1_024, "x") };
  const { SequenceNumber } = await client.send(new PutRecordCommand(record));
  acknowledgedAt.set(SequenceNumber as string, performance.now());
}

/** Returns what ends it. */
async function subscribe(
  client: KinesisClient,
  StreamARN: string,
  ConsumerName: string,
  arrivals: Map<string, number[]>,
): Promise<() => void> {
  const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName }));
  const { EventStream } = await client.send(
    new SubscribeToShardCommand({
      ConsumerARN: Consumer?.ConsumerARN,
      ShardId: "shardId-000000000000",
      StartingPosition: { Type: "LATEST" },
    }),
  );
  const iterator = (EventStream as AsyncIterable<SubscribeToShardEventStream>)[Symbol.asyncIterator]();
  // The first event says that it is subscribed.
  await iterator.next();
  void (async () => {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      const now = performance.now();
      for (const { SequenceNumber = "" } of next.value.SubscribeToShardEvent?.Records ?? []) {
        const known = arrivals.get(SequenceNumber);
        if (known === undefined) arrivals.set(SequenceNumber, [now]);
        else known.push(now);
      }
    }
  })().catch(() => undefined); // ended by the client's end
  return () => void iterator.return?.();
}

function figuresOf(
  workload: string,
  acknowledgedAt: ReadonlyMap<string, number>,
  arrivals: ReadonlyMap<string, readonly number[]>,
): Figure[] {
  const histogram: Histogram = build({ highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
  for (const [number, at] of acknowledgedAt) {
    for (const arrived of arrivals.get(number) ?? []) {
      histogram.recordValue(Math.max(0, Math.round((arrived - at) * 1_000)));
    }
  }
  return [50, 99].map((percentile) => ({
    workload,
    figure: `after the acknowledgement, p${percentile}`,
    value: histogram.getValueAtPercentile(percentile) / 1_000,
    unit: "ms",
  }));
}
