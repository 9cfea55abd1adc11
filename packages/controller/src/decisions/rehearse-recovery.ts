import { ClusterState } from "../state/cluster-state.ts";
import { Refusal } from "./decision.ts";
import { recoverShard } from "./recover-shard.ts";

/** Why `recoverShard` would be refused in that state, which stays as it is; undefined when it would be done. */
export function refusalOfRecovery(state: Buffer, groupId: number, survivor: string): string | undefined {
  try {
    recoverShard({ state: ClusterState.decode(state), nowMs: 0 }, { groupId, survivor });
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}
