import {
  connectMillrace,
  type GroupConsumer,
  type LeasedPage,
  type LeasedRecord,
  type Millrace,
} from "@millrace/client";
import { parseShardId, type Shard } from "@millrace/proto";
import type { SimulatedCluster } from "../cluster/cluster.ts";
import { WINDOW_BYTES } from "../cluster/nodes.ts";
import { SimulatedControllerChannel } from "../rpc/controller-link.ts";
import { connectShardLog } from "../rpc/shard-log-link.ts";
import type { Process } from "../world/machine.ts";

export interface ConsumerGroupOptions {
  readonly cluster: SimulatedCluster;
  readonly stream: string;
  readonly group: string;
  readonly leaseDurationMs: number;
  readonly startProcess: (name: string) => Process;
  readonly violation: (text: string) => void;
}

export interface Worker {
  readonly process: Process;
  readonly consumer: GroupConsumer;
}

const CONNECT_TIMEOUT_MS = 60_000;
const WORK_MS = 20;

/** What the workers of a group were given of one stream, all together; what must not happen meanwhile is a violation. */
export class ConsumerGroup {
  readonly #options: ConsumerGroupOptions;
  readonly #delivered = new Map<string, Set<string>>();
  readonly #offsets = new Map<string, Set<number>>();
  /** Of checkpoints that a worker was told are stored: what was tried and is not known may be, and comes again all the same. */
  readonly #storedOffsets = new Map<string, number>();
  workers: Worker[] = [];
  #count = 0;

  constructor(options: ConsumerGroupOptions) {
    this.#options = options;
  }

  /** Sequence numbers, by shard. */
  get delivered(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#delivered;
  }

  get deliveredCount(): number {
    return [...this.#delivered.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Another worker, with a machine of its own. @throws Error when no controller tells of the stream in time */
  async add(): Promise<Worker> {
    const { startProcess, stream, group, leaseDurationMs } = this.#options;
    const process = startProcess(`worker ${++this.#count}`);
    const client = await this.#connect(process);
    const options = { from: "TRIM_HORIZON", leaseDurationMs, checkpointIntervalMs: 200 } as const;
    const consumer = client.consumeGroup(stream, group, options);
    const worker = { process, consumer };
    this.workers.push(worker);
    this.#consume(worker).catch((error: unknown) => {
      // Whose last checkpoints find no controller is told so by its loop as well.
      if (!this.workers.includes(worker)) return;
      this.#options.violation(`a worker of ${stream} ended: ${(error as Error).message}`);
    });
    return worker;
  }

  kill(worker: Worker): void {
    worker.process.machine.kill();
    this.workers = this.workers.filter((each) => each !== worker);
  }

  #connect(process: Process): Promise<Millrace> {
    const { network, nodes } = this.#options.cluster;
    return connectMillrace({
      controllers: nodes.filter(({ role }) => role === "controller").map(({ machine }) => machine.name),
      world: process.world,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      network: {
        controllers: (address) => new SimulatedControllerChannel(network, process, WINDOW_BYTES, address),
        brokers: (address, listener) => connectShardLog(network, process, WINDOW_BYTES, address, listener),
      },
    });
  }

  async #consume({ consumer, process }: Worker): Promise<void> {
    for await (const page of consumer) {
      for (const record of page.records) this.#note(record);
      await process.world.clock.sleep(WORK_MS);
      page.checkpoint().then(
        () => this.#stored(page),
        () => undefined, // the lease is another worker's: what is delivered comes again
      );
    }
  }

  #stored({ shardId, records }: LeasedPage): void {
    const nextOffset = (records.at(-1)?.offset ?? 0) + 1;
    this.#storedOffsets.set(shardId, Math.max(nextOffset, this.#storedOffsets.get(shardId) ?? 0));
  }

  #note({ shardId, offset, sequenceNumber }: LeasedRecord): void {
    const { violation } = this.#options;
    setOf(this.#delivered, shardId).add(sequenceNumber);
    setOf(this.#offsets, shardId).add(offset);
    const nextOffset = this.#storedOffsets.get(shardId) ?? 0;
    if (offset < nextOffset) violation(`${shardId}/${offset} is delivered, and its checkpoint is ${nextOffset}`);
    const shard = this.#shards().find(({ number }) => number === parseShardId(shardId));
    for (const parent of [shard?.parent ?? -1, shard?.adjacentParent ?? -1]) {
      if (parent >= 0 && this.#shards().some(({ number }) => number === parent) && !this.checkpointOf(parent).done)
        violation(`${shardId} is read before ${parent} is done with`);
    }
  }

  /** Shards of which records were passed over: all of them began at the first record. */
  get gaps(): string[] {
    const isWhole = ([shardId, offsets]: [string, Set<number>]): boolean => {
      const { nextOffset, done } = this.checkpointOf(parseShardId(shardId) ?? -1);
      return Math.max(...offsets) === offsets.size && (!done || nextOffset === offsets.size + 1);
    };
    return [...this.#offsets].filter((each) => !isWhole(each)).map(([shardId]) => shardId);
  }

  #shards(): readonly Shard[] {
    const { stream } = this.#options;
    const streams = this.#options.cluster.controllerStates.flatMap((state) => [...state.streams.values()]);
    return streams.filter(({ key }) => key?.name === stream).flatMap(({ shards }) => shards);
  }

  /** As the controller has it, or had it, that is ahead. */
  checkpointOf(shardNumber: number): { readonly nextOffset: number; readonly done: boolean } {
    const { stream, group } = this.#options;
    let newest = { nextOffset: 0, done: false };
    for (const state of this.#options.cluster.controllerStates) {
      const { streamId } = [...state.streams.values()].find(({ key }) => key?.name === stream) ?? { streamId: 0 };
      const lease = state.groups.leasesOf(streamId, group)?.get(shardNumber);
      if (lease !== undefined && (lease.done || lease.nextOffset > newest.nextOffset)) newest = lease;
    }
    return newest;
  }
}

function setOf<T>(sets: Map<string, Set<T>>, key: string): Set<T> {
  const known = sets.get(key);
  if (known !== undefined) return known;
  const made = new Set<T>();
  sets.set(key, made);
  return made;
}
