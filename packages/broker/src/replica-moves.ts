import type { GroupHandle } from "@millrace/multiraft";
import type { Shard } from "@millrace/proto";
import { type Membership, withJoins } from "@millrace/raft";
import type { Failpoint } from "@millrace/util";

/** So far behind the newest entry a learner may be to count as one that keeps up: it makes the rest up in moments. */
const LEARNER_LAG_ENTRIES_MAX = 200;

/** Where the shard's replicas are when nothing moves any more. Without one that leaves, who was to join is not to any more. */
function membersWished({ replicas, joining, leaving, forgotten }: Shard): string[] {
  const members = joining === "" ? replicas : replicas.map((nodeId) => (nodeId === leaving ? joining : nodeId));
  return members.filter((nodeId) => !forgotten.includes(nodeId));
}

/** The members of a group that is opened here for the first time. Who joins it is none of them, until its log says so. */
export function firstMembership({ replicas, left, forgotten }: Shard): Membership {
  return {
    voters: replicas.filter((replica) => !forgotten.includes(replica)).toSorted(),
    votersOutgoing: [],
    learners: [],
    // It knows nothing yet, and those that were given up must not have its vote.
    ...(forgotten.length === 0 ? {} : { fenced: [...forgotten, ...left] }),
  };
}

/**
 * The joinings of this replica that are over: all before the newest placement that counts on it. Its leader has said so, and had seen
 * before that the replica has what made it a member. Without this one whom a leader of an older version has made a member, without the
 * number, would never vote.
 */
export function joinedUpTo({ replicas, joining, forgotten, placedVersion }: Shard, nodeId: string): number {
  const isMember = replicas.includes(nodeId) && joining !== nodeId && !forgotten.includes(nodeId);
  return isMember ? placedVersion : 0;
}

/** A shard that was recovered from this replica alone, which does not know it yet. Once; not while somebody leads. */
export function driveRecovery(group: GroupHandle, { replicas, forgotten }: Shard, nodeId: string): boolean {
  if (!replicas.includes(nodeId) || forgotten.includes(nodeId)) return false;
  const { voters, votersOutgoing } = group.membership;
  if (![...voters, ...votersOutgoing].some((member) => forgotten.includes(member))) return false;
  return group.forceAlone();
}

/** Who should lead: not one that is about to leave. */
export function preferredLeader({ replicas, leaving, forgotten }: Shard): string | undefined {
  return replicas.find((nodeId) => nodeId !== leaving && !forgotten.includes(nodeId));
}

/** Who drives, and what it sees. */
export interface MembershipDriver {
  readonly nodeId: string;
  readonly isConnected: (nodeId: string) => boolean;
  /** The placement comes from a copy, and is older than what the group's log may know. */
  readonly isRestored: boolean;
  readonly failpoint: Failpoint | undefined;
}

/**
 * At the group's leader, again and again: one step nearer to the members that the metadata wishes for. First the new one learns;
 * when it keeps up, it takes its place in one joint step. True: they are the ones, and that is committed.
 */
export function driveMembership(
  group: GroupHandle,
  shard: Shard,
  { nodeId, isConnected, isRestored, failpoint }: MembershipDriver,
): boolean {
  const { membership } = group;
  if (!isRestored && isOvertaken(membership, shard)) return false;
  const wished = membersWished(shard);
  const { voters, votersOutgoing, learners } = membership;
  // The joint phase ends by itself.
  if (votersOutgoing.length > 0 || !group.isMembershipCommitted) return false;
  const joins = { ...membership.joins, ...(shard.joinId === 0 ? {} : { [shard.joining]: shard.joinId }) };
  const propose = (next: Membership): unknown => group.proposeMembership(withJoins(next, joins));
  // A joining that was given up may have made the same broker a member before; it has forgotten that.
  const isOther = shard.joinId !== 0 && membership.joins?.[shard.joining] !== shard.joinId;
  if (isSame(voters, wished) && learners.length === 0) {
    if (isOther) propose({ voters, votersOutgoing: [], learners });
    const isGivenUp = shard.leaving === "";
    return !isOther && (isGivenUp || shard.joining === nodeId || hasMembership(group, shard.joining));
  }
  const missing = wished.filter((member) => !voters.includes(member));
  const isLearnerOther = isOther && learners.includes(shard.joining);
  if (isLearnerOther || missing.some((member) => !learners.includes(member))) {
    propose({ voters, votersOutgoing: [], learners: missing });
    failpoint?.("move.after-propose-learner");
    return false;
  }
  // By its connection, not by the group's own signs of life: an idle group has none.
  const isReady = (member: string): boolean => isConnected(member) && keepsUp(group, member);
  if (!missing.every(isReady)) return false;
  if (!wished.includes(nodeId)) {
    // A leader does not put itself out: the next one does.
    const heir = voters.find((member) => wished.includes(member) && isReady(member));
    if (heir !== undefined) group.transferLeadership(heir);
    failpoint?.("move.after-hand-over");
    return false;
  }
  propose({ voters: wished.toSorted(), votersOutgoing: [], learners: [] });
  failpoint?.("move.after-propose-swap");
  return false;
}

/** Somebody has joined by a later decision than the placement that is known here: another leader knew it. */
function isOvertaken({ joins = {} }: Membership, { placedVersion }: Shard): boolean {
  return Object.values(joins).some((joinId) => joinId > placedVersion);
}

/**
 * Replicas that the metadata counts on and the group does not yet: they are filled again in the place of what they have thrown away, and
 * until they vote, committed, nobody else may fail. While one replica moves the others hold the shard as before.
 */
export function replicasWithoutVote(group: GroupHandle, { replicas, joining }: Shard, nodeId: string): string[] {
  if (joining !== "") return [];
  const { voters, votersOutgoing } = group.membership;
  const isSettled = votersOutgoing.length === 0 && group.isMembershipCommitted;
  return replicas.filter((replica) => replica !== nodeId && !(isSettled && voters.includes(replica)));
}

function keepsUp(group: GroupHandle, nodeId: string): boolean {
  const follower = group.followers().find((each) => each.nodeId === nodeId);
  if (follower === undefined || follower.state === "snapshot" || !hasMembership(group, nodeId)) return false;
  return follower.matchIndex + LEARNER_LAG_ENTRIES_MAX >= group.commitIndex;
}

/** Without the entry that makes it a member it would have no vote. What the leader's log no longer has is in its beginning. */
function hasMembership(group: GroupHandle, nodeId: string): boolean {
  const matchIndex = group.followers().find((each) => each.nodeId === nodeId)?.matchIndex ?? 0;
  return matchIndex > 0 && matchIndex >= Math.max(group.membershipIndex, group.truncatedIndex);
}

function isSame(ones: readonly string[], others: readonly string[]): boolean {
  return ones.length === others.length && ones.every((nodeId) => others.includes(nodeId));
}
