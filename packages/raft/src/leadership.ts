import { assert } from "./assert.ts";
import type { LogView } from "./log-view.ts";
import { encodeMembership, isJoint, isVoter, lastStep, memberIds, type MembershipHistory } from "./membership.ts";
import type { Outbox } from "./outbox.ts";
import { Progress } from "./progress.ts";
import { isQuorum, quorumValue } from "./quorum.ts";
import { ReadRounds } from "./read-rounds.ts";
import type {
  AppendResponse,
  CoreConfig,
  FollowerProgress,
  HeartbeatResponse,
  NodeId,
  ProposedEntry,
} from "./types.ts";

/** What a leader needs of the replica that it is. */
export interface LeaderHost {
  readonly config: CoreConfig;
  readonly log: LogView;
  readonly history: MembershipHistory;
  readonly outbox: Outbox;
  readonly term: number;
  readonly commitIndex: number;
  commitTo(index: number): void;
  /** Appends to the log, the outbox and, for a config entry, the membership. */
  append(type: ProposedEntry["type"] | "config", payload: Buffer): number;
  /** The leader steps down within its term. */
  resign(): void;
}

/** Everything that exists only while this replica leads, in one term. */
export class Leadership {
  readonly #host: LeaderHost;
  readonly #progress = new Map<NodeId, Progress>();
  readonly #reads: ReadRounds;
  /** The noop that opened the term: everything before it is complete once it is committed. */
  readonly #noopIndex: number;
  #heartbeatElapsed = 0;
  #quorumElapsed = 0;
  #idleTicks = 0;
  #transferee: NodeId | undefined;
  #transferElapsed = 0;
  isQuiet = false;

  constructor(host: LeaderHost) {
    this.#host = host;
    this.#reads = new ReadRounds(host.outbox);
    for (const nodeId of memberIds(host.history.current)) {
      if (nodeId !== host.config.id) this.#progress.set(nodeId, new Progress(nodeId, host.log.lastIndex + 1, true));
    }
    this.#noopIndex = host.append("noop", Buffer.alloc(0));
    this.replicate();
  }

  get isTermCommitted(): boolean {
    return this.#host.commitIndex >= this.#noopIndex;
  }

  get isTransferring(): boolean {
    return this.#transferee !== undefined;
  }

  followers(): readonly FollowerProgress[] {
    return [...this.#progress.values()].map((progress) => progress.view());
  }

  /** Any activity ends the quiet: the time in it must not count as silence of the followers. */
  wake(): void {
    this.#idleTicks = 0;
    if (!this.isQuiet) return;
    this.isQuiet = false;
    this.#quorumElapsed = 0;
    for (const progress of this.#progress.values()) progress.recentlyActive = true;
  }

  tick(): void {
    const { config } = this.#host;
    if (this.isQuiet) return;
    for (const progress of this.#progress.values()) this.#tickProgress(progress);
    if (this.#transferee !== undefined && ++this.#transferElapsed >= config.electionTicks) this.#transferee = undefined;
    if (++this.#quorumElapsed >= config.electionTicks) {
      this.#quorumElapsed = 0;
      if (!this.#isQuorumActive()) {
        this.#host.resign();
        return;
      }
      for (const progress of this.#progress.values()) progress.recentlyActive = false;
    }
    if (++this.#idleTicks >= config.electionTicks && this.#canGoQuiet()) {
      this.isQuiet = true;
      this.#heartbeat(true);
      return;
    }
    if (++this.#heartbeatElapsed >= config.heartbeatTicks) this.#heartbeat(false);
  }

  #tickProgress(progress: Progress): void {
    if (!progress.isWaiting) return;
    // An answer that does not come in an election's time was lost, or its question was.
    if (++progress.silentTicks < this.#host.config.electionTicks) return;
    progress.silentTicks = 0;
    progress.becomeProbe(progress.matchIndex + 1);
    if (progress.recentlyActive) this.#sendTo(progress);
  }

  #isQuorumActive(): boolean {
    const { id } = this.#host.config;
    return isQuorum(
      this.#host.history.current,
      (nodeId) => nodeId === id || this.#progress.get(nodeId)?.recentlyActive === true,
    );
  }

  #canGoQuiet(): boolean {
    const { log, commitIndex, history } = this.#host;
    if (!this.isTermCommitted || commitIndex !== log.lastIndex || log.persistedIndex !== log.lastIndex) return false;
    if (isJoint(history.current) || this.#reads.isPending || this.isTransferring) return false;
    // A member that is away does not keep the group awake: it asks for votes when it returns, and that is news.
    // A learner asks for nothing, and may have missed what was sent before it was there: as long as it lags, it is asked.
    const { learners } = history.current;
    for (const { nodeId, recentlyActive, matchIndex } of this.#progress.values()) {
      if (matchIndex !== log.lastIndex && (recentlyActive || learners.includes(nodeId))) return false;
    }
    // The window may have begun a moment ago, with nobody marked as active yet.
    return this.#quorumElapsed > this.#host.config.heartbeatTicks && this.#isQuorumActive();
  }

  #heartbeat(quiesce: boolean): void {
    this.#heartbeatElapsed = 0;
    const { config, term, commitIndex, log, outbox } = this.#host;
    for (const { nodeId, matchIndex } of this.#progress.values()) {
      outbox.send({
        type: "heartbeat",
        from: config.id,
        to: nodeId,
        term,
        commitIndex: Math.min(matchIndex, commitIndex),
        readContext: this.#reads.context,
        quiesce,
        lastIndex: log.lastIndex,
      });
    }
  }

  /** Sends to everybody what they may have. */
  replicate(): void {
    for (const progress of this.#progress.values()) this.#sendTo(progress);
  }

  #sendTo(progress: Progress): void {
    const { config, log, term, commitIndex, outbox, history } = this.#host;
    while (!progress.isPaused(config.inFlightAppendsMax)) {
      const prevIndex = progress.nextIndex - 1;
      const prevTerm = log.termAt(prevIndex);
      const from = config.id;
      const to = progress.nodeId;
      if (prevTerm === undefined) {
        assert(prevIndex < log.truncatedIndex, "the leader's log reaches as far as it sends");
        const index = log.truncatedIndex;
        const indexTerm = log.termAt(index);
        assert(indexTerm !== undefined, "the truncation point has a term");
        const membership = history.at(index);
        outbox.send({ type: "snapshot", from, to, term, index, indexTerm, membership, state: Buffer.alloc(0) });
        progress.becomeSnapshot(index);
        return;
      }
      const isProbe = progress.state === "probe";
      if (!isProbe && progress.nextIndex > log.lastIndex) return;
      const fromIndex = progress.nextIndex;
      const toIndex = Math.min(fromIndex + (isProbe ? 1 : config.entriesPerAppendMax) - 1, log.lastIndex);
      outbox.send({ type: "appendRange", from, to, term, prevIndex, prevTerm, commitIndex, fromIndex, toIndex });
      progress.sent(toIndex);
    }
  }

  appendResponse(message: AppendResponse): void {
    const progress = this.#progress.get(message.from);
    if (progress === undefined) return;
    progress.recentlyActive = true;
    const { log } = this.#host;
    if (message.success) {
      if (message.index > log.lastIndex) return; // not of this log: a confused peer
      if (progress.acknowledged(message.index)) this.maybeCommit();
      this.#maybeFinishTransfer();
    } else {
      if (!progress.isCurrentRefusal(message.index)) return;
      const common = log.lastIndexOfTermAtMost(Math.min(message.hintIndex, message.index - 1), message.hintTerm);
      progress.becomeProbe(Math.max(Math.min(common, message.index - 1) + 1, progress.matchIndex + 1));
    }
    if (this.#progress.get(message.from) === progress) this.#sendTo(progress);
  }

  heartbeatResponse(message: HeartbeatResponse): void {
    const progress = this.#progress.get(message.from);
    if (progress === undefined) return;
    progress.recentlyActive = true;
    if (progress.state === "probe") {
      // The probe, if one was sent, may have been lost; another one does no harm.
      progress.probeSent = false;
      if (progress.matchIndex < this.#host.log.lastIndex) this.#sendTo(progress);
    }
    if (message.readContext > progress.readContextConfirmed) {
      progress.readContextConfirmed = message.readContext;
      this.#advanceReads();
    }
  }

  /** The commit rule of the paper's section 5.4.2: only entries of this term are committed by counting. */
  maybeCommit(): void {
    const { config, log, history, term, commitIndex } = this.#host;
    const index = quorumValue(history.current, (nodeId) =>
      nodeId === config.id ? log.persistedIndex : (this.#progress.get(nodeId)?.matchIndex ?? 0),
    );
    if (index <= commitIndex || log.termAt(index) !== term) return;
    const wasTermCommitted = this.isTermCommitted;
    this.#host.commitTo(index);
    if (!wasTermCommitted && this.isTermCommitted) this.#startReadRound();
    this.#afterCommit();
  }

  #afterCommit(): void {
    const { config, history, commitIndex } = this.#host;
    if (commitIndex < history.currentIndex) return;
    if (isJoint(history.current)) {
      this.#host.append("config", encodeMembership(lastStep(history.current)));
      this.replicate();
      this.maybeCommit();
    } else if (!isVoter(history.current, config.id)) {
      // What the others need to know of the commit reaches them with the next leader's entries.
      this.#host.resign();
    }
  }

  membershipChanged(): void {
    const { config, log, history } = this.#host;
    const members = memberIds(history.current);
    for (const nodeId of this.#progress.keys()) if (!members.includes(nodeId)) this.#progress.delete(nodeId);
    for (const nodeId of members) {
      if (nodeId === config.id || this.#progress.has(nodeId)) continue;
      this.#progress.set(nodeId, new Progress(nodeId, log.lastIndex + 1, true));
    }
    if (this.#transferee !== undefined && !isVoter(history.current, this.#transferee)) this.#transferee = undefined;
  }

  readIndex(requestId: number): void {
    this.wake();
    this.#reads.add(requestId);
    this.#startReadRound();
  }

  #startReadRound(): void {
    if (!this.isTermCommitted || !this.#reads.startRound(this.#host.commitIndex)) return;
    this.#heartbeat(false);
    this.#advanceReads();
  }

  #advanceReads(): void {
    const { config, history } = this.#host;
    const { context } = this.#reads;
    if (!this.#reads.isRoundOpen) return;
    const isConfirmed = isQuorum(
      history.current,
      (nodeId) => nodeId === config.id || (this.#progress.get(nodeId)?.readContextConfirmed ?? 0) >= context,
    );
    if (!isConfirmed) return;
    this.#reads.confirm();
    this.#startReadRound();
  }

  transferTo(nodeId: NodeId): boolean {
    if (!isVoter(this.#host.history.current, nodeId) || !this.#progress.has(nodeId)) return false;
    this.wake();
    this.#transferee = nodeId;
    this.#transferElapsed = 0;
    this.#maybeFinishTransfer();
    return true;
  }

  #maybeFinishTransfer(): void {
    const { config, log, outbox, term } = this.#host;
    if (this.#transferee === undefined) return;
    if (this.#progress.get(this.#transferee)?.matchIndex !== log.lastIndex) return;
    outbox.send({ type: "timeoutNow", from: config.id, to: this.#transferee, term });
  }

  peerDisconnected(nodeId: NodeId): void {
    const progress = this.#progress.get(nodeId);
    if (progress === undefined) return;
    progress.recentlyActive = false;
    progress.becomeProbe(progress.matchIndex + 1);
    // Nothing more until it answers a heartbeat.
    progress.probeSent = true;
  }

  reportUnsent(nodeId: NodeId): void {
    const progress = this.#progress.get(nodeId);
    if (progress === undefined) return;
    progress.becomeProbe(progress.matchIndex + 1);
    progress.probeSent = true;
    progress.silentTicks = 0;
  }

  /** Nothing is sent in this leadership's name any more. */
  end(): void {
    this.#progress.clear();
    this.#transferee = undefined;
    this.#reads.drop();
  }
}
