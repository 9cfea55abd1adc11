import type { FaultKind } from "./fault.ts";
import { blockAll } from "./network-faults.ts";

/** It answers, so nobody takes it for dead; it does nothing in time. */
export const GRAY_FAULTS: readonly FaultKind[] = [
  {
    // Messages wait in line, its own timers as well.
    name: "too little of a processor",
    durationMs: [500, 20_000],
    begin: ({ node, random }) => {
      node.machine.setTurn(random.magnitude(200, 50_000));
      return () => node.machine.setTurn(0);
    },
  },
  {
    name: "disk stalls",
    durationMs: [500, 20_000],
    begin: ({ node }) => {
      node.machine.diskBehaviour.isStalled = true;
      return () => {
        node.machine.diskBehaviour.isStalled = false;
      };
    },
  },
  {
    // Gateways go on with what they know, and brokers with what they were told to be.
    name: "hears no controller",
    durationMs: [1_000, 20_000],
    begin: ({ cluster, random }) => {
      const deaf = random.pick([...cluster.of("gateway"), ...cluster.of("broker")]).machine.name;
      return blockAll(cluster.of("controller").map(({ machine }) => cluster.network.link(machine.name, deaf)));
    },
  },
  {
    // As one noisy neighbour of all: whatever is decided by time-outs is decided late, everywhere.
    name: "every broker has too little of a processor",
    durationMs: [500, 8_000],
    begin: ({ cluster, random }) => {
      const machines = cluster.of("broker").map(({ machine }) => machine);
      for (const machine of machines) machine.setTurn(random.magnitude(200, 20_000));
      return () => {
        for (const machine of machines) machine.setTurn(0);
      };
    },
  },
];
