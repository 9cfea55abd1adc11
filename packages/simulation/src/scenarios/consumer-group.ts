import { connectMillrace, type GroupConsumer, type LeasedRecord } from "@millrace/client";
import { parseShardId } from "@millrace/proto";
import { listShards } from "../clients/reader.ts";
import { SdkError, type SimulatedSdk } from "../clients/sdk.ts";
import type { ClusterNode } from "../cluster/cluster.ts";
import { WINDOW_BYTES } from "../cluster/nodes.ts";
import { SimulatedControllerChannel } from "../rpc/controller-link.ts";
import { connectShardLog } from "../rpc/shard-log-link.ts";
import type { Stage } from "../stage.ts";
import type { Process } from "../world/machine.ts";
import { type Scenario, until } from "./scenario.ts";

const GROUP = "billing";
const LEASE_MS = 3_000;
const ROUNDS = 6;

interface Worker {
  readonly process: Process;
  readonly consumer: GroupConsumer;
}

/** What the workers of a group were given of one stream, all together, and what must not have happened meanwhile. */
class GroupOfWorkers {
  readonly #stage: Stage;
  readonly #stream: string;
  readonly #offsets = new Map<string, Set<number>>();
  workers: Worker[] = [];
  #count = 0;
  #failure: { readonly reason: unknown } | undefined;

  constructor(stage: Stage, stream: string) {
    this.#stage = stage;
    this.#stream = stream;
  }

  async add(): Promise<void> {
    const { cluster } = this.#stage;
    const { process } = anySdk(this.#stage, `worker ${++this.#count}`);
    const { network } = cluster;
    const client = await connectMillrace({
      controllers: cluster.of("controller").map(({ machine }) => machine.name),
      world: process.world,
      connectTimeoutMs: 60_000,
      network: {
        controllers: (address) => new SimulatedControllerChannel(network, process, WINDOW_BYTES, address),
        brokers: (address, listener) => connectShardLog(network, process, WINDOW_BYTES, address, listener),
      },
    });
    const options = { from: "TRIM_HORIZON", leaseDurationMs: LEASE_MS, checkpointIntervalMs: 200 } as const;
    const consumer = client.consumeGroup(this.#stream, GROUP, options);
    this.workers.push({ process, consumer });
    this.#consume(consumer, process).catch((error: unknown) => {
      this.#failure ??= { reason: error };
    });
  }

  async #consume(consumer: GroupConsumer, { world }: Process): Promise<void> {
    for await (const page of consumer) {
      for (const record of page.records) this.#note(record);
      await world.clock.sleep(20);
      void page.checkpoint();
    }
  }

  #note({ shardId, offset }: LeasedRecord): void {
    const known = this.#offsets.get(shardId) ?? new Set();
    this.#offsets.set(shardId, known.add(offset));
    const { nextOffset } = this.#newestOf(parseShardId(shardId) ?? -1);
    if (offset < nextOffset) throw new Error(`${shardId}/${offset} is delivered, and its checkpoint is ${nextOffset}`);
    const stream = this.#controllers().flatMap(({ state }) => [...state.streams.values()]);
    const shard = stream
      .find(({ key }) => key?.name === this.#stream)
      ?.shards.find(({ number }) => number === parseShardId(shardId));
    for (const parent of [shard?.parent ?? -1, shard?.adjacentParent ?? -1]) {
      if (parent >= 0 && !this.#newestOf(parent).done)
        throw new Error(`${shardId} is read before ${parent} is done with`);
    }
  }

  #controllers() {
    const nodes = this.#stage.cluster.of("controller").map(({ state }: ClusterNode) => state.controller?.node);
    return nodes.filter((node) => node !== undefined);
  }

  /** As the controller has it that is ahead. */
  #newestOf(shardNumber: number): { nextOffset: number; done: boolean } {
    let newest = { nextOffset: 0, done: false };
    for (const { state } of this.#controllers()) {
      const { streamId } = [...state.streams.values()].find(({ key }) => key?.name === this.#stream) ?? { streamId: 0 };
      const lease = state.groups.leasesOf(streamId, GROUP)?.get(shardNumber);
      if (lease !== undefined && (lease.done || lease.nextOffset > newest.nextOffset)) newest = lease;
    }
    return newest;
  }

  /** There are records enough that nobody had before, and nothing was passed over. */
  async readsOn(): Promise<void> {
    const total = (): number => [...this.#offsets.values()].reduce((sum, { size }) => sum + size, 0);
    const before = total();
    await until(this.#stage, "the group reads on", () => {
      if (this.#failure !== undefined) throw this.#failure.reason;
      return total() > before + 100;
    });
    for (const [shardId, offsets] of this.#offsets) {
      const { nextOffset, done } = this.#newestOf(parseShardId(shardId) ?? -1);
      const isWhole = Math.max(...offsets) === offsets.size && (!done || nextOffset === offsets.size + 1);
      if (!isWhole) throw new Error(`records of ${shardId} are missing`);
    }
  }
}

export const consumerGroupGoesOn: Scenario = {
  name: "workers of a consumer group are killed and cut off, controllers too, and the stream is resharded",
  asks: "Does the group get every record, none after its checkpoint, and children after their parents?",
  seeds: ["1"],
  play: async (stage) => {
    const { cluster, clock, random, progress, streams } = stage;
    await progress(20_000);
    const [stream = ""] = streams;
    const group = new GroupOfWorkers(stage, stream);
    await group.add();
    await group.add();
    await group.readsOn();
    for (let round = 0; round < ROUNDS; round++) {
      const victim = random.pick(group.workers);
      if (round % 2 === 0) {
        victim.process.machine.kill();
        group.workers = group.workers.filter((worker) => worker !== victim);
      } else {
        victim.process.machine.pause();
      }
      const leader = cluster.of("controller").find(({ state }) => state.controller?.node.isLeader === true);
      if (leader !== undefined) cluster.kill(leader);
      await group.add();
      await clock.sleep(random.between(LEASE_MS, LEASE_MS * 3));
      victim.process.machine.resume();
      if (leader !== undefined) cluster.start(leader);
      if (round === 2) await split(stage, stream);
      await group.readsOn();
    }
  },
};

function anySdk(stage: Stage, name: string): SimulatedSdk {
  const [gateway] = stage.cluster.of("gateway");
  return stage.sdk(name, gateway?.machine.name ?? "");
}

async function openShards(stage: Stage, stream: string): Promise<string[]> {
  let open: string[] = [];
  await until(stage, "shards are listed", async () => {
    try {
      const shards = await listShards(anySdk(stage, "lister"), stream);
      const isOpen = ({ SequenceNumberRange }: (typeof shards)[number]): boolean =>
        SequenceNumberRange.EndingSequenceNumber === undefined;
      open = shards.filter(isOpen).map(({ ShardId }) => ShardId);
      return true;
    } catch (error) {
      if (!(error instanceof SdkError)) throw error;
      return false; // no controller leads now
    }
  });
  return open;
}

/** Twice as many shards, and waits until they are there. */
async function split(stage: Stage, StreamName: string): Promise<void> {
  const before = await openShards(stage, StreamName);
  await until(stage, "the stream is split", async () => {
    const input = { StreamName, TargetShardCount: before.length * 2, ScalingType: "UNIFORM_SCALING" };
    try {
      await anySdk(stage, "splitter").call("UpdateShardCount", input);
    } catch (error) {
      if (!(error instanceof SdkError)) throw error; // it is being split already, or no controller leads now
    }
    return (await openShards(stage, StreamName)).length > before.length;
  });
}
