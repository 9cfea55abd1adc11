import type { FaultKind } from "./fault.ts";
import { blockAll, linksBetween } from "./network-faults.ts";

const HOUR_MS = 3_600_000;
/** Clocks that are set from one source are not quite the same. */
const CLOCK_SPREAD_MS = 1_000;

/** Several things at once that seldom meet by chance: each leads to where one rule alone keeps a promise. */
export const RARE_FAULTS: readonly FaultKind[] = [
  {
    // Clients repeat puts that are stored, while shards are closed.
    name: "gateway hears no broker",
    durationMs: [1_000, 9_000],
    begin: ({ cluster, random }) => {
      const gateway = random.pick(cluster.of("gateway")).machine.name;
      return blockAll(cluster.of("broker").map(({ machine }) => cluster.network.link(machine.name, gateway)));
    },
  },
  {
    // It does not know that there is another leader, nor do those who ask it.
    name: "leader wakes up alone with a gateway",
    durationMs: [4_000, 8_000],
    begin: ({ cluster, random, clock, node: drawn }) => {
      const leaders = cluster.leaders.filter(({ machine }) => machine.process?.isPaused === false);
      const leader = leaders.length === 0 ? drawn : random.pick(leaders);
      const island = [leader, random.pick(cluster.of("gateway"))];
      const others = cluster.nodes.filter((node) => !island.includes(node) && !node.isRemoved);
      const heal = blockAll(linksBetween(cluster, island, others));
      leader.machine.pause();
      const resume = clock.setTimer(random.between(2_000, 4_000), () => leader.machine.resume());
      return () => {
        resume.cancel();
        leader.machine.resume();
        heal();
      };
    },
  },
  {
    // As by a time server that is wrong. Nobody's clock can be told to be the odd one.
    name: "wall clocks stepped together",
    durationMs: [1, 1],
    begin: ({ cluster, random }) => {
      const offsetMs = random.between(-HOUR_MS, HOUR_MS);
      for (const { machine } of cluster.nodes) {
        if (machine.az !== cluster.lossyZone) machine.clock.offsetMs = offsetMs + random.between(0, CLOCK_SPREAD_MS);
      }
      return () => undefined;
    },
  },
  {
    // It is looked at when the broker starts, and the newest file's is looked at every time.
    name: "a write group's header rots",
    durationMs: [50, 3_000],
    begin: ({ cluster, random, saw }) => {
      const node = random.pick(cluster.of("broker").filter(({ machine }) => machine.az === cluster.lossyZone));
      if (!node.machine.rotHeader()) return () => undefined;
      saw("bit turned in a header");
      cluster.kill(node);
      return () => cluster.start(node);
    },
  },
];
