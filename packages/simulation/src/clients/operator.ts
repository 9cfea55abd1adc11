import type { SeededRandom } from "../world/random.ts";
import { listShards, type Shard } from "./reader.ts";
import { SdkError, type SimulatedSdk } from "./sdk.ts";

export interface OperatorOptions {
  readonly sdk: SimulatedSdk;
  readonly random: SeededRandom;
  readonly streams: readonly string[];
}

const SHARDS_MAX = 8;
const HOURS = [24, 48, 168, 8_760];

/** Changes streams under load: reshards, retention, streams that come and go. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #pauseMaxMs: number;
  readonly counts = new Map<string, number>();
  isStopped = false;
  readonly ended: Promise<void>;
  #extraStreams = 0;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#pauseMaxMs = options.random.magnitude(500, 30_000);
    this.ended = this.#run();
  }

  async #run(): Promise<void> {
    const { sdk, random } = this.#options;
    const { clock } = sdk.process.world;
    while (!this.isStopped) {
      await clock.sleep(random.between(100, this.#pauseMaxMs));
      const [name, act] = random.pick(this.#actions);
      try {
        await act.call(this);
        this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      } catch (error) {
        if (!(error instanceof SdkError)) throw error;
      }
    }
  }

  readonly #actions: readonly (readonly [string, () => Promise<void>])[] = [
    ["split", () => this.#split()],
    ["split", () => this.#split()],
    ["merge", () => this.#merge()],
    ["merge", () => this.#merge()],
    ["update shard count", () => this.#updateShardCount()],
    ["retention", () => this.#changeRetention()],
    ["stream made and deleted", () => this.#makeAndDelete()],
  ];

  async #openShards(stream: string): Promise<Shard[]> {
    const shards = await listShards(this.#options.sdk, stream);
    return shards.filter(({ SequenceNumberRange }) => SequenceNumberRange.EndingSequenceNumber === undefined);
  }

  async #split(): Promise<void> {
    const { sdk, random, streams } = this.#options;
    const stream = random.pick(streams);
    const open = await this.#openShards(stream);
    if (open.length === 0 || open.length >= SHARDS_MAX) return;
    const { ShardId, HashKeyRange } = random.pick(open);
    const start = BigInt(HashKeyRange.StartingHashKey);
    const end = BigInt(HashKeyRange.EndingHashKey);
    const middle = start + ((end - start) * BigInt(random.between(1, 99))) / 100n;
    await sdk.call("SplitShard", { StreamName: stream, ShardToSplit: ShardId, NewStartingHashKey: String(middle) });
  }

  async #merge(): Promise<void> {
    const { sdk, random, streams } = this.#options;
    const stream = random.pick(streams);
    const open = await this.#openShards(stream);
    const sorted = open.toSorted((one, other) => {
      const difference = BigInt(one.HashKeyRange.StartingHashKey) - BigInt(other.HashKeyRange.StartingHashKey);
      return difference < 0n ? -1 : 1;
    });
    if (sorted.length < 2) return;
    const at = random.between(0, sorted.length - 2);
    const [first, second] = [sorted[at] as Shard, sorted[at + 1] as Shard];
    await sdk.call("MergeShards", {
      StreamName: stream,
      ShardToMerge: first.ShardId,
      AdjacentShardToMerge: second.ShardId,
    });
  }

  async #updateShardCount(): Promise<void> {
    const { sdk, random, streams } = this.#options;
    const stream = random.pick(streams);
    const { length } = await this.#openShards(stream);
    const TargetShardCount = random.between(Math.max(1, Math.ceil(length / 2)), Math.min(SHARDS_MAX, length * 2));
    await sdk.call("UpdateShardCount", { StreamName: stream, TargetShardCount, ScalingType: "UNIFORM_SCALING" });
  }

  async #changeRetention(): Promise<void> {
    const { sdk, random, streams } = this.#options;
    const isIncrease = random.chance(0.5);
    await sdk.call(isIncrease ? "IncreaseStreamRetentionPeriod" : "DecreaseStreamRetentionPeriod", {
      StreamName: random.pick(streams),
      RetentionPeriodHours: random.pick(HOURS),
    });
  }

  /** A short-lived one: nobody else writes to it. */
  async #makeAndDelete(): Promise<void> {
    const { sdk, random } = this.#options;
    const { clock } = sdk.process.world;
    const StreamName = `short-${++this.#extraStreams}`;
    await sdk.call("CreateStream", { StreamName, ShardCount: random.between(1, 3) });
    await clock.sleep(random.between(0, 5_000));
    await sdk.call("DeleteStream", { StreamName });
  }
}
