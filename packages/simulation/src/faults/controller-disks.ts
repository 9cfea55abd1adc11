import type { SimulatedCluster } from "../cluster/cluster.ts";
import type { SeededRandom } from "../world/random.ts";
import type { Process } from "../world/machine.ts";

export interface ControllerDisksOptions {
  readonly cluster: SimulatedCluster;
  readonly random: SeededRandom;
  /** Whose clock it lives by: nobody's who can be hurt. */
  readonly process: Process;
  readonly note: (text: string) => void;
  readonly saw: (event: string) => void;
}

const LOOK_EVERY_MS = 200;

/**
 * Controllers lose their disks, one after another: the next one when all have a vote again. A group of three survives one loss at a
 * time, and whatever else happens to the two others meanwhile. Beside the other faults, with a random stream of its own: lives that
 * were found before it was known stay what they were.
 */
export class ControllerDisks {
  readonly #options: ControllerDisksOptions;
  #isOver = false;

  constructor(options: ControllerDisksOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { cluster, random, process, note, saw } = this.#options;
    const { clock } = process.world;
    while (!this.#isOver) {
      await clock.sleep(random.magnitude(100, 10_000));
      while (!this.#isOver && !this.#areWhole()) await clock.sleep(LOOK_EVERY_MS);
      if (this.#isOver) return;
      const node = random.pick(cluster.of("controller"));
      note(`disk lost: ${node.machine.name}`);
      saw("disk of a controller lost");
      cluster.replaceDisk(node);
      await clock.sleep(random.magnitude(10, 5_000));
      if (!this.#isOver) cluster.start(node);
    }
  }

  #areWhole(): boolean {
    return this.#options.cluster.of("controller").every(({ state }) => state.controller?.node.isVoter === true);
  }

  end(): void {
    this.#isOver = true;
  }
}
