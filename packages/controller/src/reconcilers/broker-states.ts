import type { Reconciler } from "./reconciler.ts";

/** Brokers are down when they are silent, and up when they are heard again. */
export const brokerStates: Reconciler = function* ({ state, liveness, nowMs }) {
  for (const broker of state.brokers.values()) {
    const { nodeId } = broker;
    const isAlive = liveness.isAlive(nodeId, nowMs);
    if (!isAlive && broker.state === "UP") {
      yield { key: `down ${nodeId}`, command: { kind: "setBrokerState", setBrokerState: { nodeId, state: "DOWN" } } };
    }
    if (isAlive && broker.state === "DOWN" && liveness.wasHeard(nodeId)) {
      yield { key: `up ${nodeId}`, command: { kind: "setBrokerState", setBrokerState: { nodeId, state: "UP" } } };
    }
  }
};
