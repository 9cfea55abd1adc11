import { newestIncarnations } from "../decisions/placement.ts";
import type { Reconciler } from "./reconciler.ts";

/** Brokers are down when they are silent, and up when they are heard again. */
export const brokerStates: Reconciler = function* ({ state, liveness, nowMs }) {
  // A disk that was replaced stays down, however lately it was heard.
  for (const broker of newestIncarnations(state)) {
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
