import type { Clock } from "@millrace/util";
import type { ClusterNode, SimulatedCluster } from "../cluster/cluster.ts";
import type { SeededRandom } from "../world/random.ts";

export interface FaultContext {
  readonly cluster: SimulatedCluster;
  readonly random: SeededRandom;
  /** For what happens in the middle of it. */
  readonly clock: Clock;
  /** A random one that is not under the same kind of fault already; gateways and controllers too. */
  readonly node: ClusterNode;
  /** Counts a rare event. */
  readonly saw: (event: string) => void;
}

/** Begins it. @returns what ends it */
export type BeginFault = (context: FaultContext) => () => void;

export interface FaultKind {
  readonly name: string;
  readonly begin: BeginFault;
  /** How long it lasts. */
  readonly durationMs: readonly [min: number, max: number];
}
