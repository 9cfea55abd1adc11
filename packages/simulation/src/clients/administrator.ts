import type { ClusterNode } from "../cluster/cluster.ts";
import { BrokerAdministration, type BrokerAdministrationOptions } from "./broker-administration.ts";

const POLL_EVERY_MS = 250;
/** A drained broker stays so long before it is removed, or is to take replicas again. */
const IDLE_MAX_MS = 3_000;
/** A zone that lost its other broker meanwhile keeps this one's replicas. */
const PATIENCE_MS = 20_000;

/** Scales the cluster as people do: brokers are added, drained, and taken away with their disks once they are said to be empty. */
export class Administrator {
  readonly #options: BrokerAdministrationOptions;
  readonly #brokers: BrokerAdministration;
  readonly #pauseMaxMs: number;
  readonly #draining = new Set<ClusterNode>();
  readonly counts = new Map<string, number>();
  isStopped = false;
  readonly ended: Promise<void>;

  constructor(options: BrokerAdministrationOptions) {
    this.#options = options;
    this.#pauseMaxMs = options.random.magnitude(500, 20_000);
    this.#brokers = new BrokerAdministration(options);
    this.ended = this.#run();
  }

  async #run(): Promise<void> {
    const { random } = this.#options;
    while (!this.isStopped) {
      await this.#pause(random.between(100, this.#pauseMaxMs));
      if (this.isStopped) break;
      if (random.chance(0.5)) this.#add();
      else await this.#drain();
    }
    for (const node of this.#draining) await this.#brokers.setState(node, "UP");
    this.#brokers.close();
  }

  /** Short when it is stopped meanwhile. */
  async #pause(ms: number): Promise<void> {
    const { clock } = this.#options.process.world;
    for (let left = ms; left > 0 && !this.isStopped; left -= POLL_EVERY_MS) {
      await clock.sleep(Math.min(left, POLL_EVERY_MS));
    }
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** One zone has at most three. */
  #add(): void {
    const { cluster, random } = this.#options;
    const { az } = random.pick(cluster.of("broker")).machine;
    if (cluster.of("broker").filter(({ machine }) => machine.az === az).length >= 3) return;
    cluster.addBroker(az);
    this.#count("broker added");
  }

  async #drain(): Promise<void> {
    const { cluster, process, random } = this.#options;
    const brokers = cluster.of("broker");
    const node = random.pick(brokers);
    if (brokers.filter(({ machine }) => machine.az === node.machine.az).length < 2) return;
    this.#draining.add(node);
    if (!(await this.#brokers.setState(node, "DRAINING"))) return;
    const deadlineMs = process.world.clock.monotonicMs() + PATIENCE_MS;
    while (!this.isStopped && process.world.clock.monotonicMs() < deadlineMs) {
      if (await this.#brokers.isEmpty(node)) {
        this.#count("broker drained");
        await this.#pause(random.between(0, IDLE_MAX_MS));
        if (random.chance(0.7)) await this.#remove(node);
        break;
      }
      await this.#pause(POLL_EVERY_MS);
    }
    if (node.isRemoved) return;
    if (await this.#brokers.setState(node, "UP")) this.#draining.delete(node);
  }

  /** What it had on its disk is gone with it: "safe to remove" was said. */
  async #remove(node: ClusterNode): Promise<void> {
    const { cluster } = this.#options;
    this.#draining.delete(node);
    cluster.remove(node);
    this.#count("broker removed");
    await this.#brokers.forget(node);
  }
}
