import type { Membership, NodeId } from "./types.ts";

/**
 * Decisions by majority. During joint consensus a decision needs a majority of the new voters and one of the outgoing
 * voters (thesis, 4.3); learners never count.
 */

export type VoteOutcome = "won" | "lost" | "pending";

/** The highest value that a majority of the voters (of each set of voters) has reached. 0 when there are no voters. */
export function quorumValue(membership: Membership, valueOf: (nodeId: NodeId) => number): number {
  const value = majorityValue(membership.voters, valueOf);
  if (membership.votersOutgoing.length === 0) return value;
  return Math.min(value, majorityValue(membership.votersOutgoing, valueOf));
}

/** Does a majority of the voters (of each set of voters) satisfy `is`? */
export function isQuorum(membership: Membership, is: (nodeId: NodeId) => boolean): boolean {
  if (!isMajority(membership.voters, is)) return false;
  return membership.votersOutgoing.length === 0 || isMajority(membership.votersOutgoing, is);
}

export function countVotes(membership: Membership, votes: ReadonlyMap<NodeId, boolean>): VoteOutcome {
  if (isQuorum(membership, (nodeId) => votes.get(nodeId) === true)) return "won";
  // Lost as soon as those who have not refused are no quorum any more.
  if (!isQuorum(membership, (nodeId) => votes.get(nodeId) !== false)) return "lost";
  return "pending";
}

function isMajority(voters: readonly NodeId[], is: (nodeId: NodeId) => boolean): boolean {
  let count = 0;
  for (const nodeId of voters) if (is(nodeId)) count++;
  return count * 2 > voters.length;
}

/** Quadratic on purpose: voters are few, and this way nothing is allocated or sorted for each acknowledgement. */
function majorityValue(voters: readonly NodeId[], valueOf: (nodeId: NodeId) => number): number {
  let best = 0;
  for (const nodeId of voters) {
    const value = valueOf(nodeId);
    if (value > best && isMajority(voters, (other) => valueOf(other) >= value)) best = value;
  }
  return best;
}
