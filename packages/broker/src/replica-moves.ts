import type { GroupHandle } from "@millrace/multiraft";
import type { Shard } from "@millrace/proto";
import type { Membership } from "@millrace/raft";

/** So far behind the newest entry a learner may be to count as one that keeps up: it makes the rest up in moments. */
const LEARNER_LAG_ENTRIES_MAX = 200;

/** Where the shard's replicas are when nothing moves any more. */
function membersWished({ replicas, joining, leaving }: Shard): string[] {
  return joining === "" ? [...replicas] : replicas.map((nodeId) => (nodeId === leaving ? joining : nodeId));
}

/** The members of a group that is opened here for the first time. Who joins it knows nothing yet, and has no vote. */
export function firstMembership({ replicas, joining }: Shard, nodeId: string): Membership {
  return {
    voters: [...replicas].toSorted(),
    votersOutgoing: [],
    learners: joining === nodeId && !replicas.includes(nodeId) ? [nodeId] : [],
  };
}

/** Who should lead: not one that is about to leave. */
export function preferredLeader({ replicas, leaving }: Shard): string | undefined {
  return replicas.find((nodeId) => nodeId !== leaving);
}

/**
 * At the group's leader, again and again: one step nearer to the members that the metadata wishes for. First the new one learns;
 * when it keeps up, it takes its place in one joint step. True: they are the ones, and that is committed.
 */
export function driveMembership(
  group: GroupHandle,
  shard: Shard,
  nodeId: string,
  isConnected: (nodeId: string) => boolean,
): boolean {
  const { membership } = group;
  const wished = membersWished(shard);
  const { voters, votersOutgoing, learners } = membership;
  // The joint phase ends by itself.
  if (votersOutgoing.length > 0 || !group.isMembershipCommitted) return false;
  if (isSame(voters, wished) && learners.length === 0) return true;
  const missing = wished.filter((member) => !voters.includes(member));
  if (missing.some((member) => !learners.includes(member))) {
    group.proposeMembership({ voters, votersOutgoing: [], learners: missing });
    return false;
  }
  // By its connection, not by the group's own signs of life: an idle group has none.
  const isReady = (member: string): boolean => isConnected(member) && keepsUp(group, member);
  if (!missing.every(isReady)) return false;
  if (!wished.includes(nodeId)) {
    // A leader does not put itself out: the next one does.
    const heir = voters.find((member) => wished.includes(member) && isReady(member));
    if (heir !== undefined) group.transferLeadership(heir);
    return false;
  }
  group.proposeMembership({ voters: wished.toSorted(), votersOutgoing: [], learners: [] });
  return false;
}

function keepsUp(group: GroupHandle, nodeId: string): boolean {
  const follower = group.followers().find((each) => each.nodeId === nodeId);
  if (follower === undefined || follower.state === "snapshot") return false;
  return follower.matchIndex + LEARNER_LAG_ENTRIES_MAX >= group.commitIndex && follower.matchIndex > 0;
}

function isSame(ones: readonly string[], others: readonly string[]): boolean {
  return ones.length === others.length && ones.every((nodeId) => others.includes(nodeId));
}
