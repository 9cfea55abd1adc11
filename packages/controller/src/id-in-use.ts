import type { Command } from "@millrace/proto";
import { newestIncarnations } from "./decisions/placement.ts";
import { UNKNOWN_DISK } from "./decisions/register-broker.ts";
import type { ClusterState } from "./state/cluster-state.ts";

/**
 * Who has the id that a broker on a new disk asks for, while it is heard of. To register is to give the earlier disk up for good: a second
 * broker that is started with the id of one that runs, by a slip, must not do that to it. A broker whose disk is lost waits for its own
 * silence, two seconds. The leader's own knowledge, so asked before a command is proposed, and no matter of the state machine.
 */
export function idInUse(
  { registerBroker: claim }: Command,
  state: ClusterState,
  isAlive: (nodeId: string) => boolean,
): string | undefined {
  // A disk that has been registered once says so: the decision knows it, or refuses it for good.
  if (claim === undefined || claim === null || (claim.incarnation ?? 0) > 0) return undefined;
  const { brokerId, diskId } = claim;
  const known = [...state.brokers.values()].some((broker) => broker.brokerId === brokerId && broker.diskId === diskId);
  const newest = newestIncarnations(state).find((broker) => broker.brokerId === brokerId);
  if (known || newest === undefined || newest.diskId === UNKNOWN_DISK || newest.state === "DOWN") return undefined;
  return isAlive(newest.nodeId)
    ? `${brokerId} runs at ${newest.address} on another disk: give this one another id, or stop that one`
    : undefined;
}
