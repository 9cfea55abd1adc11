import type { SimulatedCluster } from "../cluster/cluster.ts";
import type { Process } from "../world/machine.ts";
import type { SeededRandom } from "../world/random.ts";
import { ControllerDisks } from "./controller-disks.ts";
import { FAULT_KINDS, FaultDirector } from "./director.ts";
import { FailpointCrashes, type FailpointCounts } from "./failpoints.ts";
import { GRAY_FAULTS } from "./gray-faults.ts";
import { RARE_FAULTS } from "./rare-faults.ts";

/** Beside the faults that every life draws from. */
export interface MoreFaults {
  readonly rare: boolean;
  /** Controllers lose their disks. */
  readonly controllerDisks: boolean;
  /** Processes die at named places of their code. */
  readonly failpoints: boolean;
  /** Machines that live, and hardly get on. */
  readonly gray: boolean;
}

const RARE_SHARE = 0.35;
const CONTROLLER_DISKS_SHARE = 0.3;
const FAILPOINTS_SHARE = 0.3;
const GRAY_SHARE = 0.35;

/** Each from a stream of its own: whoever has none of these lives as before they were known. */
export function drawMoreFaults(random: SeededRandom): MoreFaults {
  return {
    rare: random.fork("has rare faults").chance(RARE_SHARE),
    controllerDisks: random.fork("has controller disks").chance(CONTROLLER_DISKS_SHARE),
    failpoints: random.fork("has failpoints").chance(FAILPOINTS_SHARE),
    gray: random.fork("has gray faults").chance(GRAY_SHARE),
  };
}

export interface LifeFaultsOptions {
  readonly cluster: SimulatedCluster;
  readonly random: SeededRandom;
  /** Whose clock they live by: nobody's who can be hurt. */
  readonly process: Process;
  readonly note: (text: string) => void;
  readonly saw: (event: string) => void;
  readonly more: MoreFaults;
  /** Retention is in hours as they are. With short ones a clock that is set forward would be a day's: nothing would be left to check. */
  readonly hasRealHours: boolean;
}

/** All that goes wrong in one life. */
export class LifeFaults {
  readonly #options: LifeFaultsOptions;
  readonly #directors: FaultDirector[];
  readonly #controllerDisks: ControllerDisks;
  readonly #failpoints: FailpointCrashes;

  constructor(options: LifeFaultsOptions) {
    this.#options = options;
    const { random, more, hasRealHours } = options;
    const direct = (name: string, kinds: typeof FAULT_KINDS): FaultDirector => {
      const known = kinds.filter((kind) => hasRealHours || !kind.name.startsWith("wall clock"));
      return new FaultDirector({ ...options, random: random.fork(name), known });
    };
    this.#directors = [direct("faults", FAULT_KINDS)];
    if (more.rare) this.#directors.push(direct("rare faults", RARE_FAULTS));
    if (more.gray) this.#directors.push(direct("gray faults", GRAY_FAULTS));
    this.#controllerDisks = new ControllerDisks({ ...options, random: random.fork("controller disks") });
    this.#failpoints = new FailpointCrashes({ ...options, random: random.fork("failpoints") });
  }

  run(): void {
    const { more } = this.#options;
    for (const director of this.#directors) void director.run();
    if (more.controllerDisks) void this.#controllerDisks.run();
    if (more.failpoints) void this.#failpoints.run();
  }

  /** Everything is well again, as far as the world is concerned. */
  heal(): void {
    this.#controllerDisks.end();
    this.#failpoints.heal();
    for (const director of this.#directors) director.heal();
  }

  /** By kind. */
  get counts(): Map<string, number> {
    return new Map(this.#directors.flatMap(({ counts }) => [...counts]));
  }

  get failpointCounts(): FailpointCounts {
    return this.#failpoints.counts;
  }
}
