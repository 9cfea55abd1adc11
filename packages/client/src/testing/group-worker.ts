import { silentLogger } from "@millrace/util";
import { connectControllers } from "../controller-connection.ts";
import { GroupConsumer, type GroupConsumerOptions } from "../native/groups/group-consumer.ts";
import type { LeasedPage, LeasedRecord } from "../native/groups/leased-record.ts";
import { ControllerCallFailed, type ConnectController } from "../network.ts";
import type { ControllerConnection } from "../types.ts";
import type { StreamView } from "../stream-view.ts";
import { seededRandom, type SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedControllers } from "./simulated-controllers.ts";

export interface Delivered {
  readonly worker: string;
  readonly text: string;
  readonly shardId: string;
  readonly offset: number;
  /** The group's checkpoint in the shard at that moment. */
  readonly storedOffset: number;
}

export interface WorkerWorld {
  readonly cluster: SimulatedCluster;
  readonly controllers: SimulatedControllers;
  /** What all workers were given, in order. */
  readonly delivered: Delivered[];
}

/** Checkpoints each page when it is through with it, unless told otherwise. */
export type HandlePage = (page: LeasedPage) => Promise<void> | void;

export const GROUP_NAME = "billing";

let nextSeed = 1;

/** A process of a group, with a connection to the controllers of its own. It can be cut off, and killed without a goodbye. */
export class GroupWorker {
  readonly consumer: GroupConsumer;
  readonly ended: Promise<void>;
  readonly #controllers: ControllerConnection;
  readonly #world: WorkerWorld;
  readonly #group: string;
  /** From the controllers only: it reads on. */
  isCutOff = false;
  /** Its calls are never answered, not even by a time-out. */
  isStuck = false;
  /** Its next command is carried out, and nobody ever tells it. */
  losesNextAnswer = false;
  isKilled = false;

  constructor(world: WorkerWorld, options: GroupConsumerOptions & { handle?: HandlePage; group?: string } = {}) {
    this.#world = world;
    const { cluster, controllers } = world;
    const random = seededRandom(nextSeed++);
    const cut = <T>(call: () => Promise<T>): Promise<T> =>
      this.isStuck
        ? new Promise(() => undefined)
        : this.isCutOff || this.isKilled
          ? Promise.reject(new ControllerCallFailed("cut off", "away"))
          : call();
    const unanswered = new Set<string | undefined>();
    const connect: ConnectController = (address) => {
      const channel = controllers.connect(address);
      return {
        ...channel,
        execute: (command, of) =>
          cut(async () => {
            const result = await channel.execute(command, of);
            if (this.losesNextAnswer) unanswered.add(command.commandId);
            this.losesNextAnswer = false;
            if (unanswered.has(command.commandId)) throw new ControllerCallFailed("lost", "away");
            return result;
          }),
        leases: (request, of) => cut(() => channel.leases(request, of)),
      };
    };
    const { clock, metadata, router } = cluster;
    this.#controllers = connectControllers({ addresses: ["c1"], clock, random, logger: silentLogger, connect });
    const services = { clock, metadata, router, random, controllers: this.#controllers };
    const view = metadata.streamById(1) as StreamView;
    const { group = GROUP_NAME, handle = (page) => void page.checkpoint(), ...own } = options;
    this.#group = group;
    this.consumer = new GroupConsumer(view, group, services, { from: "TRIM_HORIZON", ...own });
    this.ended = this.#consume(handle);
    this.ended.catch(() => undefined);
  }

  get name(): string {
    return this.consumer.worker;
  }

  get shards(): string[] {
    return this.consumer.shards();
  }

  kill(): void {
    this.isKilled = true;
  }

  async stop(): Promise<void> {
    await this.#world.cluster.clock.until(this.consumer.close());
  }

  async #consume(handle: HandlePage): Promise<void> {
    for await (const page of this.consumer) {
      // Whoever is killed goes no further, and closes nothing.
      if (this.isKilled) await new Promise(() => undefined);
      for (const record of page.records) this.#note(record);
      await handle(page);
    }
  }

  #note({ data, shardId, offset }: LeasedRecord): void {
    const { delivered, controllers } = this.#world;
    const lease = controllers.leases.lease(this.#group, Number(shardId.slice("shardId-".length)));
    const storedOffset = lease?.nextOffset ?? 0;
    delivered.push({ worker: this.name, text: data.toString(), shardId, offset, storedOffset });
  }
}
