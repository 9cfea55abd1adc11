import { assert } from "./assert.ts";
import { answerToStale, goesBefore, isWellFormed } from "./incoming.ts";
import { type LeaderHost, Leadership } from "./leadership.ts";
import { LogView } from "./log-view.ts";
import {
  alone,
  decodeMembership,
  encodeMembership,
  firstStep,
  FORCED_TERM_STEP,
  isJoint,
  isValidMembership,
  isVoter,
  MembershipHistory,
} from "./membership.ts";
import { Outbox } from "./outbox.ts";
import { countVotes } from "./quorum.ts";
import type {
  AppendMessage,
  Core,
  CoreConfig,
  Entry,
  EntryType,
  FollowerProgress,
  HeartbeatMessage,
  Membership,
  NodeId,
  ProposedEntry,
  ProposedRange,
  Ready,
  Role,
  SnapshotMessage,
  VoteMessage,
  VoteResponse,
  WireMessage,
} from "./types.ts";

/** One replica of one Raft group: the paper's rules, pre-vote, check-quorum, and a quiet for idle groups. */
export class RaftCore implements Core {
  readonly #config: CoreConfig;
  readonly #log: LogView;
  readonly #history: MembershipHistory;
  readonly #outbox: Outbox;
  #role: Role = "follower";
  #term: number;
  #votedFor: NodeId | undefined;
  #leaderId: NodeId | undefined;
  #commitIndex: number;
  /** Ticks since a live leader was heard of, or since the last campaign. */
  #electionElapsed = 0;
  #electionTimeout = 0;
  #isQuietFollower = false;
  #votes = new Map<NodeId, boolean>();
  #leadership: Leadership | undefined;
  readonly #leaderHost: LeaderHost;

  constructor(config: CoreConfig) {
    const { hardState, log } = config;
    this.#config = config;
    this.#log = new LogView(log);
    const joining = config.forgets === true ? (config.joinId ?? 0) : undefined;
    this.#history = new MembershipHistory(config.membership, config.configEntries ?? [], joining);
    this.#term = hardState.term;
    this.#votedFor = hardState.votedFor;
    this.#commitIndex = Math.max(Math.min(hardState.commitIndex, log.lastIndex), log.truncatedIndex);
    assert(this.#term >= this.#log.lastTerm, "a replica knows the terms of its entries");
    this.#outbox = new Outbox(this.#commitIndex);
    this.#leaderHost = this.#makeLeaderHost();
    this.#resetElectionTimer();
    this.#role = this.#passiveRole();
  }

  get id(): NodeId {
    return this.#config.id;
  }
  get role(): Role {
    return this.#role;
  }
  get term(): number {
    return this.#term;
  }
  get leaderId(): NodeId | undefined {
    return this.#leaderId;
  }
  get commitIndex(): number {
    return this.#commitIndex;
  }
  get lastIndex(): number {
    return this.#log.lastIndex;
  }
  get truncatedIndex(): number {
    return this.#log.truncatedIndex;
  }
  get membership(): Membership {
    return this.#history.current;
  }
  get isTermCommitted(): boolean {
    return this.#leadership?.isTermCommitted ?? false;
  }
  get isQuiet(): boolean {
    return this.#leadership?.isQuiet ?? this.#isQuietFollower;
  }
  get hasReady(): boolean {
    return this.#outbox.hasWork(this.#commitIndex);
  }
  tick(): void {
    if (this.isQuiet) return;
    if (this.#leadership !== undefined) {
      this.#leadership.tick();
      return;
    }
    this.#electionElapsed++;
    if (this.#electionElapsed < this.#electionTimeout) return;
    this.#leaderId = undefined;
    this.campaign();
  }

  campaign(): void {
    if (this.#leadership !== undefined) return;
    this.#isQuietFollower = false;
    this.#resetElectionTimer();
    if (this.#history.mayCampaign(this.id, this.#commitIndex)) this.#startPreVote();
  }

  forceAlone(): boolean {
    // Where somebody leads there is a majority, and nothing to recover from.
    if (this.#leadership !== undefined || this.#leaderId !== undefined) return false;
    if (!isVoter(this.#history.current, this.id)) return false;
    this.#becomeFollower(this.#term + FORCED_TERM_STEP, undefined);
    this.#append("config", encodeMembership(alone(this.id, this.#history.current)));
    this.campaign();
    return true;
  }

  step(message: WireMessage): void {
    if (this.#history.current.fenced?.includes(message.from) === true) return;
    if (message.term < this.#term) {
      const answer = answerToStale(message, this.#term, this.#log.persistedIndex);
      if (answer !== undefined) this.#outbox.send(answer);
      return;
    }
    if (message.type === "vote" || message.type === "preVote") {
      this.#stepVote(message);
      return;
    }
    // A granted pre-vote names the term that is not begun yet.
    const isPreVoteGrant = message.type === "preVoteResponse" && message.granted;
    if (message.term > this.#term && !isPreVoteGrant) this.#becomeFollower(message.term, undefined);
    switch (message.type) {
      case "append":
        if (this.#followLeader(message.from)) this.#stepAppend(message);
        break;
      case "heartbeat":
        if (this.#followLeader(message.from)) this.#stepHeartbeat(message);
        break;
      case "snapshot":
        if (this.#followLeader(message.from)) this.#stepSnapshot(message);
        break;
      case "appendResponse":
        if (message.term === this.#term) this.#leadership?.appendResponse(message);
        break;
      case "heartbeatResponse":
        if (message.term === this.#term) this.#leadership?.heartbeatResponse(message);
        break;
      case "voteResponse":
      case "preVoteResponse":
        this.#stepVoteResponse(message);
        break;
      case "timeoutNow":
        // The leader itself asks: no pre-vote, and nobody defends it (thesis, 3.10).
        if (this.#leadership === undefined && this.#history.mayCampaign(this.id, this.#commitIndex))
          this.#startVote(true);
        break;
    }
  }

  propose(entries: readonly ProposedEntry[]): ProposedRange | undefined {
    const leadership = this.#leadership;
    if (leadership === undefined || leadership.isTransferring || entries.length === 0) return undefined;
    leadership.wake();
    const firstIndex = this.#log.lastIndex + 1;
    for (const { type, payload } of entries) this.#append(type, payload);
    leadership.replicate();
    return { firstIndex, lastIndex: this.#log.lastIndex, term: this.#term };
  }

  proposeMembership(next: Membership): ProposedRange | undefined {
    const leadership = this.#leadership;
    if (leadership === undefined || leadership.isTransferring || !leadership.isTermCommitted) return undefined;
    const { current, currentIndex } = this.#history;
    // One change at a time: the last one is committed, and out of its joint phase.
    if (isJoint(current) || currentIndex > this.#commitIndex) return undefined;
    if (!isValidMembership(next) || next.votersOutgoing.length > 0) return undefined;
    leadership.wake();
    const index = this.#append("config", encodeMembership(firstStep(current, next)));
    leadership.replicate();
    return { firstIndex: index, lastIndex: index, term: this.#term };
  }

  readIndex(requestId: number): boolean {
    if (this.#leadership === undefined) return false;
    this.#leadership.readIndex(requestId);
    return true;
  }

  transferLeadership(to: NodeId): boolean {
    return this.#leadership?.transferTo(to) ?? false;
  }

  peerDisconnected(nodeId: NodeId): void {
    if (this.#leadership !== undefined) {
      this.#leadership.peerDisconnected(nodeId);
      return;
    }
    if (this.#leaderId !== nodeId) return;
    this.#leaderId = undefined;
    this.campaign();
  }

  reportUnsent(nodeId: NodeId): void {
    this.#leadership?.reportUnsent(nodeId);
  }

  reportSnapshotFailed(nodeId: NodeId): void {
    this.#leadership?.reportUnsent(nodeId);
  }

  ready(): Ready {
    return this.#outbox.take(this.#commitIndex, () => ({
      term: this.#term,
      votedFor: this.#votedFor,
      commitIndex: this.#commitIndex,
    }));
  }

  synced({ snapshot, entries, hardState }: Ready): void {
    if (snapshot !== undefined) this.#log.markSnapshotPersisted(snapshot.index);
    const last = entries.at(-1);
    if (last !== undefined) this.#log.markPersisted(last.index, last.term);
    // A candidate's own vote counts like the others': once it is durable. So a leader's term always is.
    if (this.#role === "candidate" && hardState?.term === this.#term && hardState.votedFor === this.id) {
      this.#recordVote(this.id, true);
    }
    this.#leadership?.maybeCommit();
  }

  joined(): void {
    this.#history.joined();
  }

  truncatePrefix(index: number): void {
    if (index <= this.#log.truncatedIndex) return;
    assert(index <= this.#commitIndex, "only what is committed is truncated");
    const term = this.#log.termAt(index);
    assert(term !== undefined, "a log is truncated at an entry that it holds");
    this.#log.truncatePrefix(index, term);
    this.#history.truncatePrefix(index);
  }

  membershipAt(index: number): Membership {
    return this.#history.at(index);
  }

  followers(): readonly FollowerProgress[] {
    return this.#leadership?.followers() ?? [];
  }

  #startPreVote(): void {
    this.#role = "preCandidate";
    this.#leaderId = undefined;
    this.#votes = new Map([[this.id, true]]);
    if (countVotes(this.#history.current, this.#votes) === "won") this.#startVote(false);
    else this.#askForVotes("preVote", this.#term + 1, false);
  }

  #startVote(force: boolean): void {
    this.#isQuietFollower = false;
    this.#resetElectionTimer();
    this.#role = "candidate";
    this.#leaderId = undefined;
    this.#term++;
    this.#votedFor = this.id;
    this.#votes = new Map();
    this.#outbox.hardStateChanged();
    this.#askForVotes("vote", this.#term, force);
  }

  #askForVotes(type: "vote" | "preVote", term: number, force: boolean): void {
    const { voters, votersOutgoing } = this.#history.current;
    for (const to of new Set([...voters, ...votersOutgoing]))
      if (to !== this.id) this.#askForVote(type, to, term, force);
  }

  #askForVote(type: "vote" | "preVote", to: NodeId, term: number, force: boolean): void {
    const { lastIndex, lastTerm } = this.#log;
    this.#outbox.askForVote({ type, from: this.id, to, term, lastIndex, lastTerm, force });
  }

  #stepVote(message: VoteMessage): void {
    const { from, term, lastIndex, lastTerm, type } = message;
    const isPre = type === "preVote";
    const isLeaderAlive =
      this.#leadership !== undefined ||
      (this.#leaderId !== undefined && this.#electionElapsed < this.#config.electionTicks);
    if (isLeaderAlive && !message.force) {
      // Someone does not hear the leader: perhaps it missed that the group went quiet, or it came back. Show up.
      this.#leadership?.wake();
      this.#isQuietFollower = false;
      if (isPre) this.#outbox.answerVote(message, this.id, this.#term, false);
      return;
    }
    if (!isPre && term > this.#term) this.#becomeFollower(term, undefined);
    const canVote = isPre
      ? term > this.#term
      : this.#votedFor === from || (this.#votedFor === undefined && this.#leaderId === undefined);
    const isRival = isPre && this.#role === "preCandidate";
    const goesFirst = isRival && goesBefore(this.id, message, this.#log, this.#history.current);
    const isGranted =
      canVote && this.#history.mayVote(this.id) && this.#log.isUpToDate(lastIndex, lastTerm) && !goesFirst;
    // It may have refused our question while it still believed in its leader. It asks itself now, so ask again.
    if (goesFirst) this.#askForVote("preVote", from, this.#term + 1, false);
    if (isGranted && !isPre) {
      this.#resetElectionTimer();
      if (this.#votedFor !== from) {
        this.#votedFor = from;
        this.#outbox.hardStateChanged();
      }
    }
    this.#outbox.answerVote(message, this.id, this.#term, isGranted);
  }

  #stepVoteResponse({ type, from, term, granted }: VoteResponse): void {
    if (type === "preVoteResponse") {
      if (this.#role !== "preCandidate") return;
      if (granted && term !== this.#term + 1) return;
    } else if (this.#role !== "candidate" || term !== this.#term) return;
    this.#recordVote(from, granted);
  }

  #recordVote(from: NodeId, granted: boolean): void {
    // A pre-vote may be refused at first and granted when asked again.
    if (this.#votes.get(from) !== true) this.#votes.set(from, granted);
    const outcome = countVotes(this.#history.current, this.#votes);
    if (outcome === "won") {
      if (this.#role === "preCandidate") this.#startVote(false);
      else this.#becomeLeader();
    } else if (outcome === "lost") {
      this.#role = this.#passiveRole();
    }
  }

  #becomeLeader(): void {
    assert(this.#votedFor === this.id, "a leader voted for itself");
    this.#role = "leader";
    this.#leaderId = this.id;
    this.#votes.clear();
    this.#leadership = new Leadership(this.#leaderHost);
  }

  #becomeFollower(term: number, leaderId: NodeId | undefined): void {
    assert(term >= this.#term, "terms never fall");
    if (term > this.#term) {
      this.#term = term;
      this.#votedFor = undefined;
      this.#outbox.hardStateChanged();
    }
    this.#leadership?.end();
    this.#leadership = undefined;
    this.#leaderId = leaderId;
    this.#isQuietFollower = false;
    this.#role = this.#passiveRole();
    this.#resetElectionTimer();
  }

  #passiveRole(): Role {
    const { current } = this.#history;
    return isVoter(current, this.id) || current.voters.length === 0 ? "follower" : "learner";
  }

  #resetElectionTimer(): void {
    const { electionTicks, randomTicks } = this.#config;
    this.#electionElapsed = 0;
    this.#electionTimeout = electionTicks + randomTicks(electionTicks);
  }

  /** False: there cannot be another leader in this term; the message is forged or confused. */
  #followLeader(from: NodeId): boolean {
    if (this.#leadership !== undefined) return false;
    if (this.#role === "candidate" || this.#role === "preCandidate" || this.#leaderId !== from) {
      this.#becomeFollower(this.#term, from);
    }
    this.#electionElapsed = 0;
    this.#isQuietFollower = false;
    return true;
  }

  #stepAppend(message: AppendMessage): void {
    const { prevIndex, prevTerm, entries, from } = message;
    if (prevIndex < this.#commitIndex) {
      // Old news: what is committed is the same everywhere.
      this.#outbox.acceptAppend(this.id, from, this.#term, this.#commitIndex);
      return;
    }
    if (!this.#log.holds(prevIndex, prevTerm)) {
      const hintIndex = this.#log.lastIndexOfTermAtMost(prevIndex, prevTerm);
      const hintTerm = this.#log.termAt(hintIndex) ?? 0;
      this.#outbox.refuseAppend(this.id, from, this.#term, { index: prevIndex, hintIndex, hintTerm });
      return;
    }
    if (!isWellFormed(message)) return;
    for (const entry of entries) this.#takeEntry(entry);
    const lastNewIndex = prevIndex + entries.length;
    this.#commitTo(Math.min(message.commitIndex, lastNewIndex));
    this.#outbox.acceptAppend(this.id, from, this.#term, lastNewIndex);
  }

  #takeEntry(entry: Entry): void {
    if (this.#log.holds(entry.index, entry.term)) return;
    if (entry.index <= this.#log.lastIndex) {
      assert(entry.index > this.#commitIndex, "a committed entry is never replaced");
      this.#log.truncateSuffix(entry.index);
      if (this.#history.truncateSuffix(entry.index)) this.#role = this.#passiveRole();
    }
    this.#record(entry);
  }

  #stepHeartbeat({ from, commitIndex, readContext, quiesce, lastIndex }: HeartbeatMessage): void {
    this.#commitTo(Math.min(commitIndex, this.#log.lastIndex));
    const isSettled = lastIndex === this.#log.lastIndex && this.#commitIndex === lastIndex;
    this.#isQuietFollower = quiesce && isSettled;
    this.#outbox.send({
      type: "heartbeatResponse",
      from: this.id,
      to: from,
      term: this.#term,
      readContext,
      lastIndex: this.#log.persistedIndex,
    });
  }

  #stepSnapshot(message: SnapshotMessage): void {
    const { index, indexTerm, from } = message;
    if (index > this.#commitIndex) {
      if (this.#log.holds(index, indexTerm)) {
        this.#commitTo(index);
      } else {
        this.#log.reset(index, indexTerm);
        this.#history.reset(message.membership);
        this.#commitIndex = index;
        this.#outbox.installSnapshot(message);
        this.#role = this.#passiveRole();
      }
    }
    this.#outbox.acceptAppend(this.id, from, this.#term, this.#commitIndex);
  }

  #commitTo(index: number): void {
    if (index <= this.#commitIndex) return;
    assert(index <= this.#log.lastIndex, "only what the log holds is committed");
    this.#commitIndex = index;
  }

  #append(type: EntryType, payload: Buffer): number {
    const index = this.#log.lastIndex + 1;
    this.#record({ index, term: this.#term, type, payload });
    return index;
  }

  #record(entry: Entry): void {
    this.#log.append(entry.term);
    this.#outbox.append(entry);
    if (entry.type !== "config") return;
    const membership = decodeMembership(entry.payload);
    assert(membership !== undefined, "config entries were checked when they came");
    this.#history.append(entry.index, membership);
    this.#leadership?.membershipChanged();
    if (this.#role !== "leader") this.#role = this.#passiveRole();
  }

  #makeLeaderHost(): LeaderHost {
    // oxlint-disable-next-line no-this-alias -- for the getters
    const core = this;
    return {
      config: this.#config,
      log: this.#log,
      history: this.#history,
      outbox: this.#outbox,
      get term() {
        return core.#term;
      },
      get commitIndex() {
        return core.#commitIndex;
      },
      commitTo: (index) => this.#commitTo(index),
      append: (type, payload) => this.#append(type, payload),
      resign: () => this.#becomeFollower(this.#term, undefined),
    };
  }
}
