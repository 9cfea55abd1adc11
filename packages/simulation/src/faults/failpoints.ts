import { FAILPOINT_NAMES, type FailpointName } from "@millrace/util";
import type { ClusterNode, SimulatedCluster } from "../cluster/cluster.ts";
import type { Process } from "../world/machine.ts";
import type { SeededRandom } from "../world/random.ts";

export interface FailpointCount {
  /** How often any process passed the place. */
  hits: number;
  /** How often one of them died there. */
  crashes: number;
}

export type FailpointCounts = Map<FailpointName, FailpointCount>;

export interface FailpointCrashesOptions {
  readonly cluster: SimulatedCluster;
  readonly random: SeededRandom;
  /** Whose clock it lives by: nobody's who can be hurt. */
  readonly process: Process;
  readonly note: (text: string) => void;
}

const DEATHS = ["killed", "lost", "torn"] as const;
/** A place that nobody comes to gives way to another one. */
const ARMED_MAX_MS = 20_000;
const DOWN_MAX_MS = 8_000;

/**
 * Processes die at named places of the product's code: of a few places that are chosen at random, whoever comes there next, or is the
 * so-many-th to come. Counts who passes them in any case.
 */
export class FailpointCrashes {
  readonly #options: FailpointCrashesOptions;
  readonly #pauseMaxMs: number;
  readonly #armedMax: number;
  /** How many are still to come before one dies there. */
  readonly #armed = new Map<FailpointName, number>();
  readonly counts: FailpointCounts = new Map();
  #isOver = false;

  constructor(options: FailpointCrashesOptions) {
    this.#options = options;
    const { random, cluster } = options;
    this.#pauseMaxMs = random.magnitude(50, 5_000);
    this.#armedMax = random.between(1, 30);
    cluster.onFailpoint = (node, name) => this.#passed(node, name);
  }

  async run(): Promise<void> {
    const { random, process } = this.#options;
    while (!this.#isOver) {
      if (this.#armed.size < this.#armedMax) this.#arm();
      await process.world.clock.sleep(random.between(10, this.#pauseMaxMs));
    }
  }

  heal(): void {
    this.#isOver = true;
    this.#armed.clear();
  }

  #arm(): void {
    const { random, process } = this.#options;
    const name = random.pick(FAILPOINT_NAMES);
    this.#armed.set(name, random.chance(0.5) ? 1 : random.magnitude(1, 50));
    process.world.clock.setTimer(ARMED_MAX_MS, () => this.#armed.delete(name));
  }

  /** In the middle of the code of `node`, which goes on to the end of its turn and has no effect on anything any more. */
  #passed(node: ClusterNode, name: FailpointName): void {
    const count = this.counts.get(name) ?? { hits: 0, crashes: 0 };
    this.counts.set(name, count);
    count.hits++;
    const left = this.#armed.get(name);
    if (left === undefined) return;
    this.#armed.set(name, left - 1);
    if (left > 1) return;
    this.#armed.delete(name);
    count.crashes++;
    const { cluster, random, process, note } = this.#options;
    const death = random.pick(DEATHS);
    note(`dies at ${name}: ${node.machine.name}, ${death === "killed" ? "killed" : `unsynced writes ${death}`}`);
    if (death === "killed") cluster.kill(node);
    else cluster.cutPower(node, death);
    process.world.clock.setTimer(random.magnitude(10, DOWN_MAX_MS), () => cluster.start(node));
  }
}
