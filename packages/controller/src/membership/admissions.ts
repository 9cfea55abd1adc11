import type { GroupHandle, RaftHost } from "@millrace/multiraft";
import { isJoint, type Membership, type NodeId } from "@millrace/raft";
import type { Logger } from "@millrace/util";
import { controllerOf, voterOf } from "./member-id.ts";

interface Applicant {
  readonly memberId: NodeId;
  readonly askedMs: number;
}

/** It asks twice a second. */
const APPLICANT_FORGOTTEN_AFTER_MS = 3_000;
/** As good as filled: the rest is on its way. */
const LAG_ENTRIES_MAX = 100;

/** New disks of controllers become members: first as learners, with a vote when they have the log. */
export class Admissions {
  readonly #group: GroupHandle;
  readonly #host: RaftHost;
  readonly #logger: Logger;
  readonly #applicants = new Map<string, Applicant>();

  constructor(group: GroupHandle, host: RaftHost, logger: Logger) {
    this.#group = group;
    this.#host = host;
    this.#logger = logger;
  }

  asked(controllerId: string, memberId: NodeId, nowMs: number): void {
    this.#applicants.set(controllerId, { memberId, askedMs: nowMs });
  }

  /** The new disk of this controller that has no vote yet. */
  applicantOf(controllerId: string): NodeId | undefined {
    const memberId = this.#applicants.get(controllerId)?.memberId;
    const hasVote = memberId !== undefined && this.#isSettled && this.#group.membership.voters.includes(memberId);
    return hasVote ? undefined : memberId;
  }

  /** No change of the membership is under way. */
  get #isSettled(): boolean {
    return this.#group.isMembershipCommitted && !isJoint(this.#group.membership);
  }

  /** The leader's next step, if there is one to take. */
  step(nowMs: number): void {
    for (const [controllerId, { askedMs }] of this.#applicants) {
      if (nowMs - askedMs > APPLICANT_FORGOTTEN_AFTER_MS) this.#applicants.delete(controllerId);
    }
    if (!this.#group.canPropose || !this.#isSettled) return;
    for (const controllerId of this.#applicants.keys()) {
      const memberId = this.applicantOf(controllerId);
      const next = memberId === undefined ? undefined : this.#next(controllerId, memberId);
      if (next !== undefined && this.#group.proposeMembership(next) !== undefined) return;
    }
  }

  #next(controllerId: string, memberId: NodeId): Membership | undefined {
    const { voters, learners } = this.#group.membership;
    const before = voterOf(controllerId, this.#group.membership);
    // Two processes with one name: who has the vote keeps it.
    if (before === undefined || this.#host.isConnected(before)) return undefined;
    const others = learners.filter((learner) => controllerOf(learner) !== controllerId);
    if (!learners.includes(memberId)) {
      this.#logger.warn({ controllerId, memberId }, "a controller has a new disk: filling it");
      return { voters, votersOutgoing: [], learners: [...others, memberId] };
    }
    if (!this.#isFilled(memberId)) return undefined;
    this.#logger.info(
      { controllerId, memberId },
      "a controller's new disk is filled: it takes the vote of the one before",
    );
    return {
      voters: voters.map((voter) => (voter === before ? memberId : voter)),
      votersOutgoing: [],
      learners: others,
    };
  }

  #isFilled(memberId: NodeId): boolean {
    const progress = this.#group.followers().find(({ nodeId }) => nodeId === memberId);
    if (progress === undefined || !this.#host.isConnected(memberId)) return false;
    const { membershipIndex, lastIndex } = this.#group;
    return progress.matchIndex >= membershipIndex && lastIndex - progress.matchIndex <= LAG_ENTRIES_MAX;
  }
}
