import { numberOf } from "../checks/ledger.ts";
import type { SeededRandom } from "../world/random.ts";
import { listShards, type Observation, type ReaderOptions } from "./reader.ts";
import { SdkError, type SimulatedSdk } from "./sdk.ts";

interface ShardEvent {
  readonly Records: readonly {
    Data: string;
    PartitionKey: string;
    SequenceNumber: string;
    ApproximateArrivalTimestamp: number;
  }[];
  readonly ContinuationSequenceNumber?: string;
  readonly ChildShards?: readonly unknown[];
}

const PAUSE_MAX_MS = 3_000;
const PRELUDE_SIZE_BYTES = 12;
const CRC_SIZE_BYTES = 4;

/** The payloads of the event-stream messages in `bytes`, whole ones. Exceptions are thrown. */
function eventsIn(bytes: Buffer): ShardEvent[] {
  const events: ShardEvent[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) {
    const headersEnd = at + PRELUDE_SIZE_BYTES + bytes.readUInt32BE(at + 4);
    const headers = bytes.toString("latin1", at + PRELUDE_SIZE_BYTES, headersEnd);
    const payload = bytes.toString("utf8", headersEnd, at + bytes.readUInt32BE(at) - CRC_SIZE_BYTES);
    if (headers.includes("exception"))
      throw new SdkError({ awsName: "SubscriptionEnded", status: 400, message: payload });
    if (headers.includes("SubscribeToShardEvent")) events.push(JSON.parse(payload) as ShardEvent);
  }
  return events;
}

/** Reads by enhanced fan-out, each time for a while, and goes on where it was. */
export class Subscriber {
  readonly #options: ReaderOptions;
  readonly observations: Observation[] = [];
  readonly #consumers = new Map<string, string>();
  isStopped = false;
  readonly ended: Promise<void>;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.ended = this.#run();
  }

  async #run(): Promise<void> {
    const { sdk, random, streams } = this.#options;
    while (!this.isStopped) {
      try {
        const stream = random.pick(streams);
        const consumer = await this.#consumer(stream);
        const shards = await listShards(sdk, stream);
        if (shards.length > 0) await this.#follow(stream, random.pick(shards).ShardId, consumer);
      } catch (error) {
        if (!(error instanceof SdkError)) throw error;
      }
      await sdk.rest(random.between(10, PAUSE_MAX_MS));
    }
  }

  async #consumer(stream: string): Promise<string> {
    const { sdk, name } = this.#options;
    const known = this.#consumers.get(stream);
    if (known !== undefined) return known;
    const summary = await sdk.call<{ StreamDescriptionSummary: { StreamARN: string } }>("DescribeStreamSummary", {
      StreamName: stream,
    });
    const { StreamARN } = summary.StreamDescriptionSummary;
    type Described = { ConsumerDescription: { ConsumerARN: string } };
    try {
      await sdk.call("RegisterStreamConsumer", { StreamARN, ConsumerName: name });
    } catch (error) {
      if (!(error instanceof SdkError) || error.name !== "ResourceInUseException") throw error;
    }
    const { ConsumerDescription } = await sdk.call<Described>("DescribeStreamConsumer", {
      StreamARN,
      ConsumerName: name,
    });
    this.#consumers.set(stream, ConsumerDescription.ConsumerARN);
    return ConsumerDescription.ConsumerARN;
  }

  /** One observation over several subscriptions, each after the last one's continuation. */
  async #follow(stream: string, shardId: string, consumer: string): Promise<void> {
    const { sdk, random, name, nowUs } = this.#options;
    const type = random.chance(0.7) ? "TRIM_HORIZON" : "LATEST";
    const observation: Observation = {
      reader: name,
      stream,
      shardId,
      type,
      sequenceNumber: undefined,
      timestampMs: undefined,
      askedAtUs: nowUs(),
      knownAtUs: Number.MAX_SAFE_INTEGER,
      records: [],
      isAtEnd: false,
      upToDateAtUs: 0,
    };
    this.observations.push(observation);
    let continuation: string | undefined;
    const subscriptions = random.between(1, 4);
    for (let made = 0; made < subscriptions && !this.isStopped && !observation.isAtEnd; made++) {
      const StartingPosition =
        continuation === undefined ? { Type: type } : { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: continuation };
      const input = { ConsumerARN: consumer, ShardId: shardId, StartingPosition };
      const event = (shardEvent: ShardEvent): void => {
        observation.knownAtUs = Math.min(observation.knownAtUs, nowUs());
        const seen = shardEvent.Records.map((record) => ({
          sequenceNumber: record.SequenceNumber,
          number: numberOf(Buffer.from(record.Data, "base64")),
          partitionKey: record.PartitionKey,
          arrivalMs: record.ApproximateArrivalTimestamp * 1_000,
        }));
        observation.records.push(...seen);
        continuation = shardEvent.ContinuationSequenceNumber ?? continuation;
        if (shardEvent.ChildShards !== undefined) observation.isAtEnd = true;
      };
      await subscribe(sdk, random, input, event);
      // Before its first event nothing fixes where a LATEST subscription had begun.
      if (continuation === undefined) return;
      await sdk.rest(random.between(0, PAUSE_MAX_MS));
    }
  }
}

/** Resolves when it is over, by whichever side, however. */
function subscribe(
  sdk: SimulatedSdk,
  random: SeededRandom,
  input: object,
  onEvent: (event: ShardEvent) => void,
): Promise<void> {
  const { clock } = sdk.process.world;
  return new Promise((resolve) => {
    const timer = clock.setTimer(random.magnitude(50, 20_000), () => {
      cancel();
      resolve();
    });
    const over = (): void => {
      timer.cancel();
      resolve();
    };
    const take = (bytes: Buffer): void => {
      try {
        for (const event of eventsIn(bytes)) onEvent(event);
      } catch (error) {
        if (!(error instanceof SdkError)) throw error;
        cancel();
        over();
      }
    };
    const cancel = sdk.stream("SubscribeToShard", input, take, over);
  });
}
