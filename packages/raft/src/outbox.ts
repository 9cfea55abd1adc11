import { assert } from "./assert.ts";
import type {
  Entry,
  HardState,
  NodeId,
  OutgoingMessage,
  ReadState,
  Ready,
  SnapshotMessage,
  VoteMessage,
} from "./types.ts";

const NOTHING: readonly never[] = Object.freeze([]);

/**
 * Work that waits for the host's next `ready()`. Arrays are made when something goes in, so that an idle group has
 * none.
 *
 * ## Persist before you speak
 * What may a replica say before its disk has confirmed? Three kinds of statement bind it after a crash:
 * 1. "You have my vote in this term" (a granted vote, and a vote request, which says that the sender voted for itself).
 * 2. "I hold these entries" (a successful append response, and the leader's own share in a commit).
 * 3. "I lead this term": everything that a leader sends. Two leaders of one term must be impossible, so the vote for
 *    itself must be durable. It is: its vote requests left after the sync, and an answer to one made it the leader.
 *    Only where its own vote is a quorum nobody answered; such a leader's messages wait (`Leadership.isTermDurable`).
 *
 * Statements 1 and 2 go to `messagesAfterSync`. Because writes become durable in their order, one that leaves after the
 * sync of its Ready finds everything earlier durable too: the term it is about, and entries that came before.
 * The write may have been overtaken in memory (two appends merged into one write, the first one's entries replaced):
 * that equals a write that was durable, answered, and then replaced. The later term that replaced it is in the same
 * write, so the crash that could tell the difference cannot happen.
 *
 * Everything else binds nobody and leaves at once: a pre-vote and its answer (asked again each time); a refusal; an
 * answered heartbeat ("no higher term is known to me at this moment": true when said, and its `lastIndex` is the
 * durable one); a term's bare number (anybody may raise it at any time, it claims nothing). The entries that a leader
 * sends need not be durable with itself either: it counts itself for them only when they are.
 */
export class Outbox {
  #isHardStateDirty = false;
  #snapshot: SnapshotMessage | undefined;
  #entries: Entry[] | undefined;
  #messages: OutgoingMessage[] | undefined;
  #messagesAfterSync: OutgoingMessage[] | undefined;
  #readStates: ReadState[] | undefined;
  #readsDropped: number[] | undefined;
  /** The commit index of the last Ready, and of the last hard state in one. */
  #commitIndexTaken: number;
  #commitIndexPersisted: number;

  constructor(commitIndex: number) {
    this.#commitIndexTaken = commitIndex;
    this.#commitIndexPersisted = commitIndex;
  }

  hasWork(commitIndex: number): boolean {
    return (
      commitIndex > this.#commitIndexTaken ||
      this.#messages !== undefined ||
      this.#entries !== undefined ||
      this.#messagesAfterSync !== undefined ||
      this.#isHardStateDirty ||
      this.#snapshot !== undefined ||
      this.#readStates !== undefined ||
      this.#readsDropped !== undefined
    );
  }

  send(message: OutgoingMessage): void {
    (this.#messages ??= []).push(message);
  }

  /** A vote request says that the sender voted for itself: true only once that is durable. */
  askForVote(message: VoteMessage): void {
    if (message.type === "vote") this.sendAfterSync(message);
    else this.send(message);
  }

  /** What is granted stands on the disk first. */
  answerVote(asked: VoteMessage, from: NodeId, term: number, granted: boolean): void {
    const to = asked.from;
    if (asked.type === "preVote") {
      this.send({ type: "preVoteResponse", from, to, term: granted ? asked.term : term, granted });
    } else this[granted ? "sendAfterSync" : "send"]({ type: "voteResponse", from, to, term, granted });
  }

  /** The log agrees with the leader's up to `index`: said once that is on the disk. */
  acceptAppend(from: NodeId, to: NodeId, term: number, index: number): void {
    this.sendAfterSync({
      type: "appendResponse",
      from,
      to,
      term,
      success: true,
      index,
      hintIndex: 0,
      hintTerm: 0,
    });
  }

  /** There is no such entry before `index`; the hint is the last that may agree. */
  refuseAppend(
    from: NodeId,
    to: NodeId,
    term: number,
    { index, hintIndex, hintTerm }: { index: number; hintIndex: number; hintTerm: number },
  ): void {
    this.send({ type: "appendResponse", from, to, term, success: false, index, hintIndex, hintTerm });
  }

  sendAfterSync(message: OutgoingMessage): void {
    (this.#messagesAfterSync ??= []).push(message);
  }

  hardStateChanged(): void {
    this.#isHardStateDirty = true;
  }

  /** An entry at or below one that still waits here replaces it and what follows it. */
  append(entry: Entry): void {
    const entries = (this.#entries ??= []);
    const first = entries[0];
    if (first !== undefined) {
      const position = entry.index - first.index;
      assert(position <= entries.length, "entries leave no gap");
      if (position < entries.length) entries.length = Math.max(position, 0);
    }
    entries.push(entry);
  }

  installSnapshot(snapshot: SnapshotMessage): void {
    this.#snapshot = snapshot;
    this.#entries = undefined;
  }

  readAnswered(readState: ReadState): void {
    (this.#readStates ??= []).push(readState);
  }

  readDropped(requestId: number): void {
    (this.#readsDropped ??= []).push(requestId);
  }

  /** Hands over everything, once. */
  take(commitIndex: number, hardStateNow: () => HardState): Ready {
    assert(commitIndex >= this.#commitIndexTaken, "the commit index never falls");
    // The commit index in the hard state only shortens a restart, so it rides along with other writes, and not each.
    const isCommitBehind = commitIndex - this.#commitIndexPersisted >= COMMIT_INDEX_LAG_MAX;
    const isHardStateDue = this.#isHardStateDirty || (isCommitBehind && this.#entries !== undefined);
    const ready: Ready = {
      snapshot: this.#snapshot,
      hardState: isHardStateDue || this.#snapshot !== undefined ? hardStateNow() : undefined,
      entries: this.#entries ?? NOTHING,
      messages: this.#messages ?? NOTHING,
      messagesAfterSync: this.#messagesAfterSync ?? NOTHING,
      commitIndex,
      readStates: this.#readStates ?? NOTHING,
      readsDropped: this.#readsDropped ?? NOTHING,
    };
    if (ready.hardState !== undefined) this.#commitIndexPersisted = commitIndex;
    this.#commitIndexTaken = commitIndex;
    this.#isHardStateDirty = false;
    this.#snapshot = undefined;
    this.#entries = undefined;
    this.#messages = undefined;
    this.#messagesAfterSync = undefined;
    this.#readStates = undefined;
    this.#readsDropped = undefined;
    return ready;
  }
}

/** Entries that a restarted replica may have to hear again that they are committed. */
const COMMIT_INDEX_LAG_MAX = 1_000;
