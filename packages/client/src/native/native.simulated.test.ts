import { encodeThrottled, RequestKind, ShardLogStatus } from "@millrace/proto";
import type { Random } from "@millrace/util";
import { expect, test } from "vitest";
import type { StreamView } from "../stream-view.ts";
import { follows, type Script } from "../testing/scripted-replica.ts";
import { seededRandom, SimulatedCluster } from "../testing/simulated-cluster.ts";
import { Consumer } from "./consumer.ts";
import { Producer } from "./producer.ts";
import type { Checkpoint } from "./start-position.ts";

const SEEDS = 40;
const ROUNDS = 60;
const KEYS = ["a", "b", "c", "d", "e", "f"];

/** A leader that at times cuts, hangs or throttles. */
function unreliable(random: Random): Script {
  return ({ kind }) => {
    if (kind !== RequestKind.append) return "serve";
    const draw = random.between(0, 30);
    if (draw === 0) return "serve and cut";
    if (draw === 1) return "cut";
    if (draw === 2) return { status: ShardLogStatus.overloaded };
    if (draw === 3) return { status: ShardLogStatus.unknown };
    const body = encodeThrottled({ recordsAvailable: 0, bytesAvailable: 900 });
    return draw === 4 ? { status: ShardLogStatus.throttled, body } : "serve";
  };
}

class Run {
  readonly random: Random;
  readonly cluster: SimulatedCluster;
  readonly producer: Producer;
  readonly sent = new Map<string, number>(KEYS.map((key) => [key, 0]));
  readonly received = new Map<string, number[]>(KEYS.map((key) => [key, []]));
  readonly puts: Promise<unknown>[] = [];
  #reveal: (() => void) | undefined;
  #checkpoint: Checkpoint = {};
  #consumer: Consumer | undefined;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.cluster = new SimulatedCluster({ shardCount: this.random.between(1, 3) });
    const lingerMs = this.random.between(0, 8);
    const options = { lingerMs, batchBytes: this.random.between(200, 2_000), deliveryTimeoutMs: 120_000 };
    this.producer = new Producer(this.#view(), this.cluster, options);
    this.#elect("a");
  }

  #view(): StreamView {
    return this.cluster.metadata.streamById(1) as StreamView;
  }

  #elect(leaderId: string | undefined): void {
    for (const replica of this.cluster.replicas) {
      if (replica.nodeId === leaderId) replica.script = unreliable(this.random);
      else {
        replica.script = follows(leaderId);
        replica.endSubscriptions(leaderId ?? "");
      }
    }
  }

  /** Reads on in another consumer, from where the one before stood. */
  restartConsumer(): void {
    if (this.#consumer !== undefined) {
      this.#checkpoint = this.#consumer.checkpoint();
      this.#consumer.close();
    }
    const consumer = new Consumer(this.#view(), this.cluster, {
      from: { checkpoint: this.#checkpoint },
      bufferBytes: 500,
    });
    this.#consumer = consumer;
    void this.#consume(consumer);
  }

  async #consume(consumer: Consumer): Promise<void> {
    for await (const { data, partitionKey } of consumer.records()) {
      if (consumer !== this.#consumer) return;
      this.received.get(partitionKey)?.push(Number(data.toString().slice(1)));
    }
  }

  put(): void {
    const key = KEYS[this.random.between(0, KEYS.length - 1)] as string;
    const number = this.sent.get(key) as number;
    this.sent.set(key, number + 1);
    const data = Buffer.from(`${key}${number}`.padEnd(this.random.between(1, 300)));
    this.puts.push(this.producer.put({ partitionKey: key, data }));
  }

  async step(): Promise<void> {
    const { random, cluster } = this;
    for (let count = random.between(0, 8); count > 0; count--) this.put();
    switch (random.between(0, 12)) {
      case 0:
        this.#elect("abc"[random.between(0, 2)]);
        break;
      case 1:
        this.#elect(undefined);
        await cluster.clock.advance(random.between(0, 400));
        this.#elect("abc"[random.between(0, 2)]);
        break;
      case 2:
        cluster.network.cut("abc"[random.between(0, 2)] as string);
        break;
      case 3:
        this.#reshard();
        break;
      case 4:
        this.#reveal?.();
        this.#reveal = undefined;
        break;
      case 5:
        this.restartConsumer();
        break;
      default:
    }
    await cluster.clock.advance(random.between(0, 40));
  }

  #reshard(): void {
    if (this.#reveal !== undefined) return;
    const open = this.#view().openShards;
    const at = this.random.between(0, open.length - 1);
    const [one, other] = [open[at], open[at + 1]];
    if (one === undefined) return;
    const isMerge = other !== undefined && this.random.between(0, 1) === 0;
    const parents = isMerge ? [one.shard.number, other.shard.number] : [one.shard.number];
    this.#reveal = this.cluster.reshard(parents, isMerge ? 1 : 2).reveal;
  }

  async finish(): Promise<void> {
    this.#reveal?.();
    this.#elect("b");
    await this.cluster.clock.until(this.producer.flush(), 200_000);
    await Promise.all(this.puts);
    await this.cluster.clock.advance(5_000);
    this.#consumer?.close();
    this.cluster.router.close();
  }
}

test.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
  "seed %i: what is put is stored once and in order, and read once and in order, whatever breaks",
  async (seed) => {
    const run = new Run(seed);
    run.restartConsumer();
    for (let round = 0; round < ROUNDS; round++) await run.step();
    await run.finish();
    for (const key of KEYS) {
      const count = run.sent.get(key) as number;
      expect(run.received.get(key)).toEqual(Array.from({ length: count }, (_, i) => i));
    }
  },
);
