import type { FaultKind } from "./fault.ts";

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
