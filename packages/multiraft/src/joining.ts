import { isVoter } from "@millrace/raft";
import type { GroupState } from "@millrace/storage";
import type { GroupContext } from "./group-context.ts";
import { encodeStoredState, withJoinId } from "./stored-state.ts";
import type { GroupOptions } from "./types.ts";

/** By which joining a node is, or is to be, a member: 0 for none that has a number, or once it is over. */
export class Joining {
  #joinId: number;
  #joinIdMaxOver = 0;

  constructor(joinId = 0) {
    this.#joinId = joinId;
  }

  get joinId(): number {
    return this.#joinId > this.#joinIdMaxOver ? this.#joinId : 0;
  }

  /** What the disk knows of it. */
  found(joinId = 0): void {
    this.#joinId = Math.max(this.#joinId, joinId);
  }

  over(joinIdMax: number): void {
    this.#joinIdMaxOver = Math.max(this.#joinIdMaxOver, joinIdMax);
  }

  /** The state as this node stores it: what a leader sent knows nothing of this node's joining. */
  own(state: Buffer): Buffer {
    return withJoinId(state, this.joinId);
  }
}

/**
 * Who joins a group notes on its disk, before it hears anything, that it is none of the members that it was told of: until its log
 * makes it one it has no vote. It may have been one before, and have forgotten what it voted for and what it has acknowledged.
 * Undefined for one of the first members, who have nothing to forget.
 */
export async function noteJoining(
  { store, nodeId, failpoint }: Pick<GroupContext, "store" | "nodeId"> & Partial<Pick<GroupContext, "failpoint">>,
  { groupId, membership, termMin = 0, joinId = 0 }: Pick<GroupOptions, "groupId" | "membership" | "termMin" | "joinId">,
): Promise<GroupState | undefined> {
  if (isVoter(membership, nodeId)) return undefined;
  // As if it had voted: perhaps it has, for somebody else.
  const hardState = { term: termMin, votedFor: termMin > 0 ? nodeId : undefined, commitIndex: 0 };
  const state = encodeStoredState({ membership, configEntries: [], machine: Buffer.alloc(0), joinId });
  failpoint?.("raft.before-note-joining");
  await store.write([{ groupId, hardState, truncatePrefix: { index: 0, term: 0, state, reset: true } }]);
  failpoint?.("raft.after-note-joining");
  const log = { truncatedIndex: 0, truncatedTerm: 0, lastIndex: 0, termRuns: [] };
  return { groupId, hardState, log, truncationState: state, checkpoint: undefined };
}
