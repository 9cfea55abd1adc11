import { decodePeerFrame, type PeerMessage, type RaftHostOptions } from "@millrace/multiraft";
import type { HardState } from "@millrace/raft";
import type { GroupState, GroupWrite, LogStore } from "@millrace/storage";
import { standBetween } from "./stand-between.ts";

interface OnDisk {
  hardState: HardState;
  lastIndex: number;
}

/** Whom each node voted for, by node and term: an answer that left it, on disk or not. */
export type Votes = Map<string, string>;

export interface PromiseRules {
  /** Undefined when nobody minds any more what this group does. */
  votesOf(groupId: number): Votes | undefined;
  violation(text: string): void;
}

/**
 * What a node tells others stands on what its disk has: votes and acknowledged entries. Stands between a Raft host and its store and
 * network. One node votes once in a term, and what it has stored of that never changes.
 */
export function watchPromises(options: RaftHostOptions, rules: PromiseRules): RaftHostOptions {
  const { nodeId, store, transport } = options;
  const disk = new Map<number, OnDisk>();
  for (const state of store.groups()) disk.set(state.groupId, onDisk(state));

  const durable = (parts: readonly GroupWrite[]): void => {
    for (const part of parts) {
      const before = disk.get(part.groupId) ?? onDisk(undefined);
      const { hardState } = part;
      if (hardState !== undefined && rules.votesOf(part.groupId) !== undefined) {
        const wrong = contradiction(before.hardState, hardState);
        if (wrong !== undefined) rules.violation(`group ${part.groupId}: ${nodeId} ${wrong}`);
      }
      disk.set(part.groupId, { hardState: hardState ?? before.hardState, lastIndex: lastIndexAfter(before, part) });
    }
  };
  const said = (to: string, groupId: number, message: PeerMessage): void => {
    const votes = rules.votesOf(groupId);
    if (votes === undefined) return;
    const { hardState, lastIndex } = disk.get(groupId) ?? onDisk(undefined);
    const isGranted = message.type === "voteResponse" && message.granted;
    if (
      isGranted &&
      (hardState.term < message.term || (hardState.term === message.term && hardState.votedFor !== to))
    ) {
      rules.violation(
        `group ${groupId}: ${nodeId} votes for ${to} in term ${message.term}, and its disk does not know`,
      );
    }
    if (message.type === "appendResponse" && message.success && message.index > lastIndex) {
      rules.violation(`group ${groupId}: ${nodeId} says that it has entry ${message.index}, its disk has ${lastIndex}`);
    }
    if (!isGranted && message.type !== "vote") return;
    // Who asks for votes has its own.
    const candidate = isGranted ? to : nodeId;
    const key = `${nodeId} ${message.term}`;
    const other = votes.get(key);
    if (other !== undefined && other !== candidate) {
      rules.violation(`group ${groupId}: ${nodeId} voted for ${other} and for ${candidate} in term ${message.term}`);
    }
    votes.set(key, candidate);
  };

  const submit: LogStore["submit"] = (parts, onDurable) =>
    store.submit(parts, () => {
      durable(parts);
      onDurable();
    });
  const write: LogStore["write"] = async (parts) => {
    await store.write(parts);
    durable(parts.filter(({ deleteGroup }) => deleteGroup !== true));
    for (const { groupId, deleteGroup } of parts) if (deleteGroup === true) disk.delete(groupId);
  };
  const send: typeof transport.send = (to, frame) => {
    for (const { groupId, message } of decodePeerFrame(frame.payload, nodeId, to)) said(to, groupId, message);
    return transport.send(to, frame);
  };
  return { ...options, store: standBetween(store, { submit, write }), transport: standBetween(transport, { send }) };
}

function onDisk(state: GroupState | undefined): OnDisk {
  const hardState = state?.hardState ?? { term: 0, votedFor: undefined, commitIndex: 0 };
  return { hardState, lastIndex: state?.log.lastIndex ?? 0 };
}

function contradiction(before: HardState, after: HardState): string | undefined {
  if (after.term < before.term) return `stores term ${after.term} after ${before.term}`;
  if (after.term > before.term || before.votedFor === undefined || after.votedFor === before.votedFor) return undefined;
  return `voted for ${before.votedFor} in term ${before.term}, and stores ${String(after.votedFor)}`;
}

export function lastIndexAfter(
  { lastIndex }: { readonly lastIndex: number },
  { truncatePrefix, entries }: GroupWrite,
): number {
  const last = entries?.at(-1);
  if (last !== undefined) return last.index;
  if (truncatePrefix === undefined) return lastIndex;
  return truncatePrefix.reset ? truncatePrefix.index : Math.max(lastIndex, truncatePrefix.index);
}
