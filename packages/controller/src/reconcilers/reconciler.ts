import type { Liveness } from "../liveness.ts";
import type { Command } from "../protocol.ts";
import type { ClusterState } from "../state/cluster-state.ts";

/** A decision that the state of the world calls for. `key` names the wish, so that it is proposed once at a time. */
export interface Wish {
  readonly key: string;
  readonly command: Omit<Command, "commandId">;
}

/** What the leader knows: what was decided, and what it hears. */
export interface Observed {
  readonly state: ClusterState;
  readonly liveness: Liveness;
  /** Monotonic. */
  readonly nowMs: number;
}

/**
 * Looks at the whole world each time, and remembers nothing: whatever was interrupted is wished for again. Runs ten times a
 * second on the leader, so it is cheap when there is nothing to do.
 */
export type Reconciler = (observed: Observed) => Iterable<Wish>;
