import type { ReadRecord, Shard } from "./reader.ts";
import { ConsumerGroup, type ConsumerGroupOptions, type Worker } from "./consumer-group.ts";
import type { SeededRandom } from "../world/random.ts";
import type { Clock } from "@millrace/util";

export interface GroupChurnOptions extends Omit<ConsumerGroupOptions, "group" | "leaseDurationMs"> {
  readonly random: SeededRandom;
  /** No fault touches it. */
  readonly clock: Clock;
}

const LEASE_MS_MIN = 1_000;
const LEASE_MS_MAX = 6_000;
const WORKERS_MAX = 4;
/** For those who took a dead worker's shards, children after their parents, and elections in between. */
const CAUGHT_UP_WITHIN_MS = 120_000;

/** A consumer group whose workers come, die, stop for a while and leave; in the end it must have been given everything. */
export class GroupChurn {
  readonly #options: GroupChurnOptions;
  readonly #group: ConsumerGroup;
  readonly #leaseDurationMs: number;
  readonly #pauseMaxMs: number;
  readonly counts = new Map<string, number>();
  isStopped = false;
  readonly ended: Promise<void>;

  constructor(options: GroupChurnOptions) {
    const { random } = options;
    this.#options = options;
    this.#leaseDurationMs = random.magnitude(LEASE_MS_MIN, LEASE_MS_MAX);
    this.#pauseMaxMs = random.magnitude(500, 10_000);
    this.#group = new ConsumerGroup({ ...options, group: "group", leaseDurationMs: this.#leaseDurationMs });
    this.ended = this.#run();
  }

  get stream(): string {
    return this.#options.stream;
  }

  async #run(): Promise<void> {
    const { random, clock } = this.#options;
    await this.#add();
    while (!this.isStopped) {
      await clock.sleep(random.between(100, this.#pauseMaxMs));
      const { workers } = this.#group;
      const worker = workers.length === 0 ? undefined : random.pick(workers);
      const draw = random.next();
      if (worker === undefined || (draw < 0.4 && workers.length < WORKERS_MAX)) await this.#add();
      else if (draw < 0.6) this.#kill(worker);
      else if (draw < 0.8) await this.#pause(worker);
      else this.#leave(worker);
    }
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** One that no controller answers in time is tried again with the next turn. */
  async #add(): Promise<void> {
    this.#count("worker begun");
    await this.#group.add().catch(() => this.#count("worker not begun"));
  }

  #kill(worker: Worker): void {
    this.#group.kill(worker);
    this.#count("worker killed");
  }

  /** It does not know, when it goes on, for how long it was away. */
  async #pause({ process: { machine } }: Worker): Promise<void> {
    machine.pause();
    this.#count("worker paused");
    await this.#options.clock.sleep(this.#options.random.between(0, 3 * this.#leaseDurationMs));
    machine.resume();
  }

  /** Its last checkpoints may find no controller: then its leases are given up. */
  #leave(worker: Worker): void {
    this.#group.workers = this.#group.workers.filter((each) => each !== worker);
    worker.consumer.close().catch(() => this.#count("worker left in vain"));
    this.#count("worker left");
  }

  /** Nobody writes any more: all that is stored must come, once the group has a worker that stays. */
  async check(shards: readonly Shard[], records: ReadonlyMap<string, readonly ReadRecord[]>): Promise<void> {
    const { clock, violation, stream } = this.#options;
    const missing = (): string[] =>
      shards.flatMap(({ ShardId }) => {
        const delivered = this.#group.delivered.get(ShardId);
        const absent = (records.get(ShardId) ?? []).filter(
          ({ sequenceNumber }) => delivered?.has(sequenceNumber) !== true,
        );
        return absent.length === 0 ? [] : [`${absent.length} of ${ShardId}`];
      });
    const deadlineMs = clock.monotonicMs() + CAUGHT_UP_WITHIN_MS;
    if (this.#group.workers.length === 0) await this.#group.add();
    while (missing().length > 0 && clock.monotonicMs() < deadlineMs) await clock.sleep(100);
    if (missing().length > 0) violation(`the consumer group of ${stream} is not given ${missing().join(", ")}`);
  }
}
