import type { ClusterNode, SimulatedCluster } from "../cluster/cluster.ts";
import type { SeededRandom } from "../world/random.ts";
import type { Process } from "../world/machine.ts";
import type { FaultKind } from "./fault.ts";
import { DISK_FAULTS, DISK_LOSS, FAILPOINTS, PROCESS_FAULTS, ROT } from "./machine-faults.ts";
import { NETWORK_FAULTS } from "./network-faults.ts";

export const FAULT_KINDS: readonly FaultKind[] = [
  ...NETWORK_FAULTS,
  ...PROCESS_FAULTS,
  ...FAILPOINTS,
  ...DISK_FAULTS,
  DISK_LOSS,
  ROT,
];

interface ActiveFault {
  readonly kind: FaultKind;
  readonly node: ClusterNode;
  readonly end: () => void;
}

export interface FaultDirectorOptions {
  readonly cluster: SimulatedCluster;
  readonly random: SeededRandom;
  /** Whose clock it lives by: nobody's who can be hurt. */
  readonly process: Process;
  readonly note: (text: string) => void;
  readonly saw: (event: string) => void;
  /** That it may choose from. */
  readonly known: readonly FaultKind[];
}

/** Each life has its own mix: kinds that it knows, how often they come, how many at once. */
export class FaultDirector {
  readonly #options: FaultDirectorOptions;
  readonly kinds: readonly FaultKind[];
  readonly #pauseMaxMs: number;
  readonly #activeMax: number;
  readonly #active = new Set<ActiveFault>();
  readonly counts = new Map<string, number>();
  #isOver = false;

  constructor(options: FaultDirectorOptions) {
    this.#options = options;
    const { random } = options;
    const share = random.next();
    const { known } = options;
    const kinds = known.filter(() => random.chance(share));
    this.kinds = kinds.length === 0 ? [random.pick(known)] : kinds;
    this.#pauseMaxMs = random.magnitude(100, 20_000);
    this.#activeMax = random.between(1, 3);
  }

  async run(): Promise<void> {
    const { random, process } = this.#options;
    while (!this.#isOver) {
      await process.world.clock.sleep(random.between(10, this.#pauseMaxMs));
      if (!this.#isOver && this.#active.size < this.#activeMax) this.#begin();
    }
  }

  /** Everything is well again, as far as the world is concerned. */
  heal(): void {
    this.#isOver = true;
    const { cluster } = this.#options;
    for (const fault of [...this.#active]) this.#end(fault);
    cluster.network.heal();
    cluster.isLookedAfter = true;
    for (const node of cluster.nodes) {
      node.machine.resume();
      node.machine.clock.offsetMs = 0;
      cluster.start(node);
    }
  }

  #begin(): void {
    const { cluster, random, process, note, saw } = this.#options;
    const kind = random.pick(this.kinds);
    const busy = new Set([...this.#active].filter((each) => each.kind === kind).map(({ node }) => node));
    const nodes = cluster.nodes.filter((node) => !node.isRemoved && !busy.has(node));
    if (nodes.length === 0) return;
    const node = random.pick(nodes);
    const durationMs = random.magnitude(...kind.durationMs);
    note(`${kind.name}: ${node.machine.name}, ${durationMs} ms`);
    this.counts.set(kind.name, (this.counts.get(kind.name) ?? 0) + 1);
    const fault: ActiveFault = {
      kind,
      node,
      end: kind.begin({ cluster, random, clock: process.world.clock, node, saw }),
    };
    this.#active.add(fault);
    process.world.clock.setTimer(durationMs, () => {
      if (this.#active.has(fault)) this.#end(fault);
    });
  }

  #end(fault: ActiveFault): void {
    this.#active.delete(fault);
    this.#options.note(`${fault.kind.name}: ${fault.node.machine.name} is over`);
    fault.end();
  }
}
