import type { Random } from "@millrace/util";
import { expect, test } from "vitest";
import { type Delivered, GROUP_NAME, GroupWorker } from "../../testing/group-worker.ts";
import { seededRandom, SimulatedCluster } from "../../testing/simulated-cluster.ts";
import { SimulatedControllers } from "../../testing/simulated-controllers.ts";
import type { StreamView } from "../../stream-view.ts";
import { Producer } from "../producer.ts";

const SEEDS = 25;
const ROUNDS = 60;
const KEYS = ["a", "b", "c", "d", "e", "f"];
const LEASE_MS = 2_000;
const WORKERS_MAX = 4;

/** A group whose workers come, go, die and are cut off, while its stream is written to and resharded. */
class Run {
  readonly random: Random;
  readonly cluster: SimulatedCluster;
  readonly controllers: SimulatedControllers;
  readonly producer: Producer;
  readonly delivered: Delivered[] = [];
  readonly sent = new Map<string, number>(KEYS.map((key) => [key, 0]));
  readonly puts: Promise<unknown>[] = [];
  readonly violations: string[] = [];
  workers: GroupWorker[] = [];
  #seenCount = 0;
  #isEnding = false;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.cluster = new SimulatedCluster({ shardCount: this.random.between(1, 4) });
    this.controllers = new SimulatedControllers(this.cluster.clock);
    this.controllers.leader = "c1";
    this.producer = new Producer(this.#view(), this.cluster, { lingerMs: 1, deliveryTimeoutMs: 120_000 });
  }

  #view(): StreamView {
    return this.cluster.metadata.streamById(1) as StreamView;
  }

  addWorker(): void {
    const { cluster, random } = this;
    const isLazy = !this.#isEnding && random.between(0, 3) === 0;
    const worker = new GroupWorker(this, {
      leaseDurationMs: LEASE_MS,
      checkpointIntervalMs: random.between(50, 500),
      bufferBytes: random.between(100, 2_000),
      handle: async (page) => {
        await cluster.clock.sleep(random.between(0, 60));
        this.#check(worker);
        // One that is lazy leaves pages out; a later page's checkpoint covers them, or else they come again.
        if (!isLazy || random.between(0, 2) > 0) void page.checkpoint();
      },
    });
    this.workers.push(worker);
  }

  /** Of what was handed out since the last look. */
  #check(worker: GroupWorker): void {
    const leases = this.controllers.leases;
    for (const { shardId, text, offset, storedOffset } of this.delivered.slice(this.#seenCount)) {
      if (offset < storedOffset) this.violations.push(`${text} was delivered after its checkpoint`);
      const number = Number(shardId.slice("shardId-".length));
      const { parent, adjacentParent } = this.#view().shardByNumber(number)?.shard ?? {};
      for (const of of [parent ?? -1, adjacentParent ?? -1]) {
        if (of >= 0 && leases.lease(GROUP_NAME, of)?.done !== true) {
          this.violations.push(`${worker.name} was given ${text} of shard ${number} before ${of} was done with`);
        }
      }
    }
    this.#seenCount = this.delivered.length;
  }

  #checkOwners(): void {
    const owners = new Map<string, string>();
    for (const { name, shards, isKilled } of this.workers) {
      for (const shardId of isKilled ? [] : shards) {
        if (owners.has(shardId)) this.violations.push(`${shardId} is ${name}'s and ${owners.get(shardId)}'s`);
        owners.set(shardId, name);
      }
    }
  }

  put(): void {
    const key = KEYS[this.random.between(0, KEYS.length - 1)] as string;
    const number = this.sent.get(key) as number;
    this.sent.set(key, number + 1);
    this.puts.push(this.producer.put({ partitionKey: key, data: Buffer.from(`${key}${number}`) }));
  }

  async step(): Promise<void> {
    const { random, cluster, controllers } = this;
    for (let count = random.between(0, 6); count > 0; count--) this.put();
    const living = this.workers.filter(({ isKilled }) => !isKilled);
    const one = living[random.between(0, Math.max(0, living.length - 1))];
    switch (random.between(0, 14)) {
      case 0:
      case 1:
        if (living.length < WORKERS_MAX) this.addWorker();
        break;
      case 2:
        one?.kill();
        break;
      case 3:
        if (one !== undefined) {
          one.isCutOff = false;
          await one.stop();
          this.workers = this.workers.filter((worker) => worker !== one);
        }
        break;
      case 4:
        if (one !== undefined) one.isCutOff = !one.isCutOff;
        break;
      case 5:
        controllers.leader = controllers.leader === "" ? "c1" : "";
        break;
      case 6:
        this.#reshard();
        break;
      default:
    }
    for (let left = random.between(0, 1_000); left > 0; left -= 100) {
      await cluster.clock.advance(100);
      this.#checkOwners();
    }
  }

  #reshard(): void {
    const open = this.#view().openShards;
    const at = this.random.between(0, open.length - 1);
    const [one, other] = [open[at], open[at + 1]];
    if (one === undefined) return;
    const isMerge = other !== undefined && this.random.between(0, 1) === 0;
    const parents = isMerge ? [one.shard.number, other.shard.number] : [one.shard.number];
    this.cluster.reshard(parents, isMerge ? 1 : 2).reveal();
  }

  /** All is well again, and somebody is there to read the rest. */
  async finish(): Promise<void> {
    const { clock } = this.cluster;
    this.controllers.leader = "c1";
    this.#isEnding = true;
    for (const worker of this.workers) worker.isCutOff = false;
    // A closed shard whose last page was left out holds its children up for as long as its worker has it.
    for (const worker of this.workers.filter(({ isKilled }) => !isKilled)) await worker.stop();
    this.workers = [];
    this.addWorker();
    this.addWorker();
    await clock.until(this.producer.flush(), 200_000);
    await Promise.all(this.puts);
    for (let i = 0; i < 200; i++) {
      await clock.advance(100);
      this.#checkOwners();
    }
    const stopping = this.workers.filter(({ isKilled }) => !isKilled).map((worker) => worker.stop());
    await Promise.all(stopping);
    this.cluster.router.close();
  }
}

test.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
  "seed %i: a group delivers every record, none after its checkpoint, children after parents, and no shard is two workers'",
  async (seed) => {
    const run = new Run(seed);
    run.addWorker();
    for (let round = 0; round < ROUNDS; round++) await run.step();
    await run.finish();
    expect(run.violations).toEqual([]);
    const firsts = new Map<string, number[]>(KEYS.map((key) => [key, []]));
    for (const text of new Set(run.delivered.map((each) => each.text))) {
      firsts.get(text.charAt(0))?.push(Number(text.slice(1)));
    }
    for (const key of KEYS) {
      expect(firsts.get(key)).toEqual(Array.from({ length: run.sent.get(key) as number }, (_, i) => i));
    }
  },
);
