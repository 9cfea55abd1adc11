import { assert } from "./assert.ts";
import type { ConfigEntry, Membership, NodeId } from "./types.ts";

/** The payload of a config entry: JSON, for it is rare, small, and read by people who repair clusters. */
export function encodeMembership({ voters, votersOutgoing, learners, fenced, joins }: Membership): Buffer {
  return Buffer.from(JSON.stringify({ voters, votersOutgoing, learners, fenced, joins }));
}

/** Undefined for anything that is not a valid membership: it came from a network or a disk. */
export function decodeMembership(payload: Buffer): Membership | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { voters, votersOutgoing, learners, fenced = [], joins = {} } = parsed as Record<string, unknown>;
  if (!isNodeIds(voters) || !isNodeIds(votersOutgoing) || !isNodeIds(learners) || !isNodeIds(fenced)) return undefined;
  if (!isJoins(joins)) return undefined;
  const membership = withJoins(withFence({ voters, votersOutgoing, learners }, fenced), joins);
  return isValidMembership(membership) ? membership : undefined;
}

/** At least one voter, no name twice in a list, no learner among the voters. */
export function isValidMembership({ voters, votersOutgoing, learners }: Membership): boolean {
  if (voters.length === 0) return false;
  for (const list of [voters, votersOutgoing, learners]) if (new Set(list).size !== list.length) return false;
  // A voter that is being demoted is among the outgoing voters and the learners until the joint phase ends.
  return !learners.some((nodeId) => voters.includes(nodeId));
}

export function isVoter({ voters, votersOutgoing }: Membership, nodeId: NodeId): boolean {
  return voters.includes(nodeId) || votersOutgoing.includes(nodeId);
}

export function isJoint({ votersOutgoing }: Membership): boolean {
  return votersOutgoing.length > 0;
}

/** Everybody whom a leader replicates to, itself included, in a fixed order. */
export function memberIds({ voters, votersOutgoing, learners }: Membership): readonly NodeId[] {
  return [...new Set([...voters, ...votersOutgoing, ...learners])];
}

/** The first step from `current` to `next`: the joint configuration, or `next` itself when the voters stay the same. */
export function firstStep(current: Membership, next: Membership): Membership {
  assert(!isJoint(current), "one membership change at a time");
  const isSameVoters =
    current.voters.length === next.voters.length && current.voters.every((nodeId) => next.voters.includes(nodeId));
  const step = isSameVoters
    ? { voters: current.voters, votersOutgoing: [], learners: next.learners }
    : { voters: next.voters, votersOutgoing: current.voters, learners: next.learners };
  // Who goes out in the joint phase is a member by the joining of before.
  return withJoins(withFence(step, current.fenced ?? []), { ...current.joins, ...next.joins });
}

/** Only members have joined. */
export function withJoins(membership: Membership, joins: Readonly<Record<NodeId, number>>): Membership {
  const members = memberIds(membership);
  const theirs = Object.entries(joins).filter(([nodeId]) => members.includes(nodeId));
  return theirs.length === 0 ? membership : { ...membership, joins: Object.fromEntries(theirs) };
}

/** Who is a member is heard. */
function withFence(membership: Membership, fenced: readonly NodeId[]): Membership {
  const members = memberIds(membership);
  const rest = fenced.filter((nodeId) => !members.includes(nodeId));
  return rest.length === 0 ? membership : { ...membership, fenced: rest };
}

/** Beyond any term that those who are given up can have reached by themselves: logs tell which is the newer life of the group. */
export const FORCED_TERM_STEP = 1_000;

/** This node alone; everybody else who was a member, or was fenced before, is fenced. */
export function alone(nodeId: NodeId, before: Membership): Membership {
  const others = [...new Set([...memberIds(before), ...(before.fenced ?? [])])].filter((other) => other !== nodeId);
  return withJoins(withFence({ voters: [nodeId], votersOutgoing: [], learners: [] }, others), before.joins ?? {});
}

/** What follows the committed joint configuration. */
export function lastStep({ voters, learners, fenced = [], joins = {} }: Membership): Membership {
  return withJoins(withFence({ voters, votersOutgoing: [], learners }, fenced), joins);
}

/**
 * The memberships of a log: the one at its truncation point, then one per config entry. The latest counts, committed
 * or not (Raft paper, 6), and goes when its entry is replaced.
 */
export class MembershipHistory {
  #base: Membership;
  readonly #steps: { readonly index: number; readonly membership: Membership }[] = [];
  /** See `CoreConfig.joinId`. Undefined for who never forgets. */
  #joinId: number | undefined;

  constructor(base: Membership, entries: readonly ConfigEntry[], joinId?: number) {
    this.#base = base;
    this.#joinId = joinId;
    for (const { index, payload } of entries) {
      const membership = decodeMembership(payload);
      assert(membership !== undefined, `the config entry at ${index} can be read back`);
      this.append(index, membership);
    }
  }

  get current(): Membership {
    return this.#steps.at(-1)?.membership ?? this.#base;
  }

  /** The index of the entry that brought `current`; 0 when it is the one at the truncation point. */
  get currentIndex(): number {
    return this.#steps.at(-1)?.index ?? 0;
  }

  /** As of `index`: what a host stores beside a truncation there. */
  at(index: number): Membership {
    return this.#steps.findLast((step) => step.index <= index)?.membership ?? this.#base;
  }

  /**
   * May this node campaign? A voter of the latest membership may; and one that it leaves out may until that membership is
   * committed, for the log that brings it may be the longest one (thesis, 4.2.2).
   */
  mayCampaign(nodeId: NodeId, commitIndex: number): boolean {
    if (!this.mayVote(nodeId)) return false; // who asks votes for itself
    if (isVoter(this.current, nodeId)) return true;
    if (this.currentIndex <= commitIndex) return false;
    if (isVoter(this.at(commitIndex), nodeId)) return true;
    return this.#steps.some(({ index, membership }) => index > commitIndex && isVoter(membership, nodeId));
  }

  /**
   * Has the log made this node a member, as far back as it goes? By this joining: while it is filled it passes the entries of an earlier
   * stay, which name it as well, before it has again what it acknowledged then.
   */
  mayVote(nodeId: NodeId): boolean {
    const joinId = this.#joinId;
    if (joinId === undefined) return true;
    const memberships = [this.#base, ...this.#steps.map((step) => step.membership)];
    if (joinId > 0) return memberships.some(({ joins }) => joins?.[nodeId] === joinId);
    return memberships.some((each) => memberIds(each).includes(nodeId));
  }

  joined(): void {
    this.#joinId = this.#joinId === undefined ? undefined : 0;
  }

  append(index: number, membership: Membership): void {
    assert(index > this.currentIndex, "config entries ascend");
    this.#steps.push({ index, membership });
  }

  /** False when nothing changed. */
  truncateSuffix(fromIndex: number): boolean {
    if (this.currentIndex < fromIndex) return false;
    while (this.currentIndex >= fromIndex) this.#steps.pop();
    return true;
  }

  truncatePrefix(index: number): void {
    this.#base = this.at(index);
    while (this.#steps.length > 0 && (this.#steps[0] as { index: number }).index <= index) this.#steps.shift();
  }

  reset(base: Membership): void {
    this.#base = base;
    this.#steps.length = 0;
  }
}

function isJoins(value: unknown): value is Record<NodeId, number> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((joinId) => Number.isSafeInteger(joinId) && (joinId as number) > 0);
}

function isNodeIds(value: unknown): value is NodeId[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
