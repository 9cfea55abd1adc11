import { decodeMembership } from "./membership.ts";
import type { AppendMessage, Membership, NodeId, OutgoingMessage, VoteMessage, WireMessage } from "./types.ts";

/** What the sender of an old term's message is told: the term that is known here. Undefined: nothing. */
export function answerToStale(message: WireMessage, term: number, lastIndex: number): OutgoingMessage | undefined {
  const { to: from, from: to } = message;
  switch (message.type) {
    case "append":
    case "heartbeat":
    case "snapshot":
      // A deposed leader learns the term.
      return { type: "heartbeatResponse", from, to, term, readContext: 0, lastIndex };
    case "vote":
      return { type: "voteResponse", from, to, term, granted: false };
    case "preVote":
      return { type: "preVoteResponse", from, to, term, granted: false };
    default:
      return undefined;
  }
}

/**
 * Two followers that lose their leader's connection at the same moment would split the vote. Of two pre-candidates with
 * equal logs, the one that stands first among the voters goes on: is that `id`, and not the sender?
 */
export function goesBefore(
  id: NodeId,
  { from, lastIndex, lastTerm }: VoteMessage,
  log: { readonly lastIndex: number; readonly lastTerm: number },
  { voters }: Membership,
): boolean {
  if (lastIndex !== log.lastIndex || lastTerm !== log.lastTerm) return false;
  const own = voters.indexOf(id);
  return own >= 0 && own < voters.indexOf(from);
}

/** Entries came over a network: contiguous, terms that do not fall, memberships that can be read. */
export function isWellFormed({ prevIndex, prevTerm, term, entries }: AppendMessage): boolean {
  let index = prevIndex;
  let lastTerm = prevTerm;
  for (const entry of entries) {
    if (entry.index !== ++index || entry.term < lastTerm || entry.term > term) return false;
    if (entry.type === "config" && decodeMembership(entry.payload) === undefined) return false;
    lastTerm = entry.term;
  }
  return true;
}
