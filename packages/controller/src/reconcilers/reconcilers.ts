import { brokerStates } from "./broker-states.ts";
import { onDemandScaling } from "./on-demand-scaling.ts";
import type { Reconciler } from "./reconciler.ts";
import { brokerRemoval, replicaMoves } from "./replica-moves.ts";
import { resharding } from "./resharding.ts";
import { streamActivation } from "./stream-activation.ts";
import { streamRemoval } from "./stream-removal.ts";

/** All of them, in this order. */
export const RECONCILERS: readonly Reconciler[] = [
  brokerStates,
  streamActivation,
  streamRemoval,
  resharding,
  replicaMoves,
  brokerRemoval,
  onDemandScaling,
];
