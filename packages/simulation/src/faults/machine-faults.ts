import type { ClusterNode, SimulatedCluster } from "../cluster/cluster.ts";
import type { FaultKind } from "./fault.ts";

function startAgain(cluster: SimulatedCluster, node: ClusterNode): () => void {
  return () => cluster.start(node);
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export const PROCESS_FAULTS: readonly FaultKind[] = [
  {
    name: "killed",
    durationMs: [10, 15_000],
    begin: ({ cluster, node }) => {
      cluster.kill(node);
      return startAgain(cluster, node);
    },
  },
  {
    name: "paused",
    durationMs: [50, 30_000],
    begin: ({ node }) => {
      node.machine.pause();
      return () => node.machine.resume();
    },
  },
  {
    name: "power lost",
    durationMs: [500, 15_000],
    begin: ({ cluster, node, random }) => {
      cluster.cutPower(node, random.chance(0.5) ? "lost" : "torn");
      return startAgain(cluster, node);
    },
  },
  {
    name: "zone without power",
    durationMs: [500, 15_000],
    begin: ({ cluster, node, random }) => {
      const inside = cluster.nodes.filter(({ machine }) => machine.az === node.machine.az);
      for (const each of inside) cluster.cutPower(each, random.chance(0.5) ? "lost" : "torn");
      return () => {
        for (const each of inside) cluster.start(each, random.between(0, 500_000));
      };
    },
  },
  {
    name: "everything without power",
    durationMs: [500, 5_000],
    begin: ({ cluster, random }) => {
      const nodes = cluster.nodes.filter(({ isRemoved }) => !isRemoved);
      for (const each of nodes) cluster.cutPower(each, random.chance(0.5) ? "lost" : "torn");
      return () => {
        for (const each of nodes) cluster.start(each, random.between(0, 1_000_000));
      };
    },
  },
  {
    name: "every broker killed",
    durationMs: [10, 5_000],
    begin: ({ cluster, random }) => {
      const nodes = cluster.of("broker");
      for (const each of nodes) cluster.kill(each);
      return () => {
        for (const each of nodes) cluster.start(each, random.between(0, 1_000_000));
      };
    },
  },
  {
    name: "wall clock stepped",
    durationMs: [1, 1],
    begin: ({ cluster, node, random }) => {
      // Far off in one zone only: most clocks must be right.
      const maxMs = node.machine.az === cluster.lossyZone ? 40 * DAY_MS : HOUR_MS;
      node.machine.clock.offsetMs = random.between(-maxMs, maxMs);
      return () => undefined;
    },
  },
  {
    name: "clock drifts",
    durationMs: [1, 1],
    begin: ({ node, random }) => {
      // Takes effect at the next start: a crystal does not change its rate while it runs.
      node.machine.clock.driftPpm = random.between(-500, 500);
      return () => undefined;
    },
  },
];

/** A life loses disks in one zone only: every acknowledgement has a copy in another. */
export const DISK_LOSS: FaultKind = {
  name: "disk lost",
  durationMs: [100, 8_000],
  begin: ({ cluster, random }) => {
    const node = random.pick(cluster.of("broker").filter(({ machine }) => machine.az === cluster.lossyZone));
    cluster.replaceDisk(node);
    return () => cluster.start(node);
  },
};

/** Like losses of disks, in one zone only. */
export const ROT: FaultKind = {
  name: "bits rot",
  durationMs: [1, 1],
  begin: ({ cluster, random, saw }) => {
    const node = random.pick(cluster.of("broker").filter(({ machine }) => machine.az === cluster.lossyZone));
    for (let left = node.machine.rot(); left > 0; left--) saw("bit turned on a disk");
    return () => undefined;
  },
};

/** Where a process dies: around every durable step there is. */
const VERBS = ["open", "write", "datasync", "truncate", "remove", "rename", "syncDirectory"] as const;

/** It dies, or its machine loses power, in the middle of the step that is named: the next one or one soon after. */
function dyingAt(hook: "before" | "after", powerLoss: boolean): FaultKind {
  return {
    name: `${powerLoss ? "power lost" : "killed"} ${hook} a disk operation`,
    durationMs: [500, 8_000],
    begin: ({ cluster, node, random, saw }) => {
      const { diskHooks, name } = node.machine;
      // Most of them are writes and syncs, and the others come at a start: whichever is next of a random set.
      const verbs = VERBS.filter(() => random.chance(0.5));
      let left = random.magnitude(1, 30);
      const others = diskHooks[hook];
      // Two of these faults may be at work here, and end in either order.
      let isOver = false;
      diskHooks[hook] = (verb, path) => {
        others(verb, path);
        if (isOver || !(verbs as readonly string[]).includes(verb) || --left > 0) return;
        isOver = true;
        const file = path.includes("/journal") ? "journal" : (path.split("/").at(-1) ?? path);
        saw(`died ${hook} ${verb} of ${name.split("-")[0]} ${file}`);
        if (powerLoss) cluster.cutPower(node, random.chance(0.5) ? "lost" : "torn");
        else cluster.kill(node);
      };
      return () => {
        isOver = true;
        cluster.start(node);
      };
    },
  };
}

export const FAILPOINTS: readonly FaultKind[] = [
  dyingAt("before", false),
  dyingAt("after", false),
  dyingAt("before", true),
  dyingAt("after", true),
];

export const DISK_FAULTS: readonly FaultKind[] = [
  {
    name: "slow disk",
    durationMs: [500, 20_000],
    begin: ({ node, random }) => {
      node.machine.diskBehaviour.slowness = random.magnitude(10, 1_000);
      return () => {
        node.machine.diskBehaviour.slowness = 1;
      };
    },
  },
  {
    name: "fsync error",
    durationMs: [50, 3_000],
    begin: ({ node }) => {
      node.machine.diskBehaviour.syncErrorChance = 0.5;
      return () => {
        node.machine.diskBehaviour.syncErrorChance = 0;
      };
    },
  },
  {
    name: "read errors",
    durationMs: [50, 5_000],
    begin: ({ node }) => {
      node.machine.diskBehaviour.readErrorChance = 0.2;
      return () => {
        node.machine.diskBehaviour.readErrorChance = 0;
      };
    },
  },
  {
    name: "disk full",
    durationMs: [500, 20_000],
    begin: ({ node, random }) => node.machine.fillDisk(random.between(0, 128 * 1_024)),
  },
];
