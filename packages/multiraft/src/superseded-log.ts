import type { Entry } from "@millrace/raft";
import { CorruptEntry, type GroupState, type LogStore } from "@millrace/storage";
import type { Group } from "./group.ts";
import type { GroupContext } from "./group-context.ts";
import type { FetchedState, GroupHandle, LogBeginning } from "./types.ts";

/** What is unreadable here is in no other replica's log any more: they hold the state that it led to. Nothing is left to repair. */
export class LogSuperseded extends Error {
  override readonly name = "LogSuperseded";
  readonly fetched: FetchedState;

  constructor(index: number, fetched: FetchedState) {
    super(`entry ${index} is unreadable, and ${fetched.from} has its log from ${fetched.truncatedIndex + 1} on only`);
    this.fetched = fetched;
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly bytesMax: number;
}

/**
 * Waits for what is unreadable here to be had from the peers. Nothing when the group is closed meanwhile.
 * @throws LogSuperseded
 */
export async function readSurely(
  { store, repair }: Pick<GroupContext, "store" | "repair">,
  group: Group,
  { from, to, bytesMax }: Range,
  isClosed: () => boolean,
): Promise<readonly Entry[]> {
  while (!isClosed()) {
    try {
      return await store.read(group.groupId, from, to, { bytesMax });
    } catch (error) {
      if (!(error instanceof CorruptEntry)) throw error;
      const fetched = await repair(group, error.index);
      if (fetched !== undefined) throw new LogSuperseded(error.index, fetched);
    }
  }
  return [];
}

/** Undefined while nothing was truncated, and while the store has not heard of a truncation yet. */
export function beginningOf(
  store: LogStore,
  { groupId, truncatedIndex }: Pick<GroupHandle, "groupId" | "truncatedIndex">,
  state: Buffer,
): LogBeginning | undefined {
  const log = store.summary(groupId);
  if (log === undefined || state.length === 0 || log.truncatedIndex !== truncatedIndex) return undefined;
  return { truncatedIndex, truncatedTerm: log.truncatedTerm, state };
}

/**
 * Lets the log begin where a peer's does, with the peer's state. What was truncated there was committed. What this log has after it stays,
 * for it may have been acknowledged; unless it had something else in that place, and then none of what follows was ever committed.
 */
export async function beginWhereAPeerDoes(
  { store }: Pick<GroupContext, "store">,
  before: GroupState,
  { truncatedIndex: index, truncatedTerm: term, state }: FetchedState,
  own: (state: Buffer) => Buffer,
): Promise<GroupState> {
  const { groupId } = before;
  const { lastIndex, termRuns } = before.log;
  const ownTerm = index > lastIndex ? undefined : termRuns.findLast(({ fromIndex }) => fromIndex <= index)?.term;
  // The peer may have been in a term of which this replica has not heard, and in which it has not voted then.
  const vote = term > before.hardState.term ? { term, votedFor: undefined } : before.hardState;
  const hardState = { ...vote, commitIndex: Math.max(before.hardState.commitIndex, index) };
  const truncationState = own(Buffer.from(state));
  const truncatePrefix = { index, term, state: truncationState, reset: ownTerm !== term };
  await store.write([{ groupId, truncatePrefix, hardState }]);
  const log = store.summary(groupId);
  if (log === undefined) throw new Error(`group ${groupId} is gone while it is opened`);
  return { groupId, hardState, log, truncationState, checkpoint: undefined };
}
