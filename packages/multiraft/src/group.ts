import {
  type AppendMessage,
  type ConfigEntry,
  type Entry,
  type EntryType,
  type FollowerProgress,
  isJoint,
  isVoter,
  type Membership,
  type NodeId,
  type OutgoingMessage,
  RaftCore,
  type Ready,
  type Role,
  type WireMessage,
} from "@millrace/raft";
import type { GroupId, GroupState, GroupWrite } from "@millrace/storage";
import { assert, type Failpoint, MIB } from "@millrace/util";
import { NotLeader } from "./errors.ts";
import type { GroupContext } from "./group-context.ts";
import { Joining, noteJoining } from "./joining.ts";
import { PendingReads } from "./pending-reads.ts";
import { decodeStoredState, encodeStoredState, withJoinId } from "./stored-state.ts";
import { beginningOf, beginWhereAPeerDoes, LogSuperseded, readSurely } from "./superseded-log.ts";
import type { GroupHandle, GroupOptions, LogBeginning, Proposal, ProposeOptions } from "./types.ts";

const APPLY_BYTES_MAX = 4 * MIB;
const CHECKPOINT_EVERY_BYTES = 32 * MIB;
const IN_FLIGHT_APPENDS_MAX = 32;
const ENTRIES_PER_APPEND_MAX = 64;
const NO_STATE: Buffer = Buffer.alloc(0);

/** One replica of one group: a core, its part of the journal, and its state machine. */
export class Group implements GroupHandle {
  readonly groupId: GroupId;
  readonly options: GroupOptions;
  readonly #context: GroupContext;
  /** Undefined until the log's tail has been looked through. */
  #core: RaftCore | undefined;
  #preferredLeader: NodeId | undefined;
  #isNew = false;
  #isClosed = false;
  #appliedIndex = 0;
  #isApplying = false;
  /** Raised by a snapshot: what an earlier read brings is of the old log. */
  #generation = 0;
  #ledTerm = 0;
  #announcedLeader: NodeId | undefined;
  #configEntries: ConfigEntry[] = [];
  readonly #joining: Joining;
  /** The membership and the machine's state at the truncation point: as sent, and as stored but for this node's own `joinId`. */
  #truncationState: Buffer = NO_STATE;
  #entriesSinceCheckpoint = 0;
  #bytesSinceCheckpoint = 0;
  readonly #reads = new PendingReads();

  constructor(context: GroupContext, options: GroupOptions) {
    this.groupId = options.groupId;
    this.options = options;
    this.#preferredLeader = options.preferredLeader;
    this.#joining = new Joining(options.joinId);
    this.#context = context;
  }

  get role(): Role {
    return this.#core?.role ?? "follower";
  }
  get term(): number {
    return this.#core?.term ?? 0;
  }
  get leaderId(): NodeId | undefined {
    return this.#core?.leaderId;
  }
  get canPropose(): boolean {
    return this.#ledTerm !== 0 && this.#hasRoomFor(0);
  }
  get commitIndex(): number {
    return this.#core?.commitIndex ?? 0;
  }
  get appliedIndex(): number {
    return this.#appliedIndex;
  }
  get lastIndex(): number {
    return this.#core?.lastIndex ?? 0;
  }
  get truncatedIndex(): number {
    return this.#core?.truncatedIndex ?? 0;
  }
  get membership(): Membership {
    return this.#core?.membership ?? this.options.membership;
  }
  get isMembershipCommitted(): boolean {
    const core = this.#core;
    return core !== undefined && core.membershipAt(core.commitIndex) === core.membership;
  }
  get membershipIndex(): number {
    return this.#configEntries.at(-1)?.index ?? 0;
  }
  get preferredLeader(): NodeId | undefined {
    return this.#preferredLeader;
  }
  get isOpen(): boolean {
    return this.#core !== undefined && !this.#isClosed;
  }
  /** True while a brand-new group has no leader: its preferred leader keeps asking. */
  get wantsFirstElection(): boolean {
    return this.#isNew && this.#preferredLeader === this.#context.nodeId && this.leaderId === undefined;
  }
  get isQuiet(): boolean {
    return this.#core?.isQuiet ?? true;
  }
  get hasReady(): boolean {
    return this.#core?.hasReady ?? false;
  }

  followers(): readonly FollowerProgress[] {
    return this.#core?.followers() ?? [];
  }

  beginning(): LogBeginning | undefined {
    return this.isOpen ? beginningOf(this.#context.store, this, this.#truncationState) : undefined;
  }

  /** Makes the core from what the store has. Asynchronous, for config entries after the checkpoint must be found. */
  async open(found: GroupState | undefined): Promise<void> {
    let stored = found ?? (await noteJoining(this.#context, this.options));
    while (!this.#isClosed) {
      try {
        await this.#openFrom(stored);
        return;
      } catch (error) {
        if (!(error instanceof LogSuperseded) || stored === undefined) throw error;
        stored = await beginWhereAPeerDoes(this.#context, stored, error.fetched, (state) => this.#joining.own(state));
      }
    }
  }

  async #openFrom(stored: GroupState | undefined): Promise<void> {
    const { stateMachine } = this.options;
    this.#configEntries = [];
    let { membership } = this.options;
    const log = stored?.log ?? { truncatedIndex: 0, truncatedTerm: 0, lastIndex: 0, termRuns: [] };
    let machine = NO_STATE;
    if (stored !== undefined && stored.truncationState.length > 0) {
      const state = decodeStoredState(Buffer.from(stored.truncationState));
      ({ membership, machine } = state);
      this.#joining.found(state.joinId);
      this.#truncationState = withJoinId(Buffer.from(stored.truncationState), 0);
    }
    this.#appliedIndex = log.truncatedIndex;
    const checkpoint = stored?.checkpoint;
    if (checkpoint !== undefined && checkpoint.index > log.truncatedIndex && checkpoint.index <= log.lastIndex) {
      const state = decodeStoredState(Buffer.from(checkpoint.state));
      machine = state.machine;
      this.#configEntries = state.configEntries.filter(({ index }) => index > log.truncatedIndex);
      this.#appliedIndex = checkpoint.index;
    }
    for (let from = this.#appliedIndex + 1; from <= log.lastIndex;) {
      const entries = await this.#readSurely(from, log.lastIndex);
      if (this.#isClosed) return;
      for (const { index, type, payload } of entries) {
        if (type === "config") this.#configEntries.push({ index, payload: Buffer.from(payload) });
      }
      from += entries.length;
    }
    if (this.#isClosed) return;
    const hardState = stored?.hardState ?? { term: 0, votedFor: undefined, commitIndex: 0 };
    this.#isNew = hardState.term === 0 && log.lastIndex === 0;
    stateMachine.restore(machine, this.#appliedIndex);
    this.#core = new RaftCore({
      id: this.#context.nodeId,
      membership,
      configEntries: this.#configEntries,
      forgets: true,
      joinId: this.#joining.joinId,
      // What was applied before is committed, whatever the hint says.
      hardState: { ...hardState, commitIndex: Math.max(hardState.commitIndex, this.#appliedIndex) },
      log,
      electionTicks: this.#context.electionTicks,
      heartbeatTicks: 1,
      inFlightAppendsMax: IN_FLIGHT_APPENDS_MAX,
      entriesPerAppendMax: ENTRIES_PER_APPEND_MAX,
      randomTicks: this.#context.randomTicks,
    });
    // A pre-vote disturbs nobody: if there is a leader, it is refused, and the leader shows up.
    if (this.#preferredLeader === this.#context.nodeId) this.#core.campaign();
    this.#apply();
    this.#context.schedule(this);
  }

  #readSurely(from: number, to: number): Promise<readonly Entry[]> {
    return readSurely(this.#context, this, { from, to, bytesMax: APPLY_BYTES_MAX }, () => this.#isClosed);
  }

  tick(): void {
    if (!this.isOpen) return;
    // While the others may not have opened the group yet, ask again, but never over a vote that is going on.
    if (this.wantsFirstElection && this.role === "follower") this.#core?.campaign();
    else this.#core?.tick();
    this.#context.schedule(this);
  }

  step(message: WireMessage): void {
    if (!this.isOpen) return;
    // A full disk takes no entries; the leader asks again. Everything else goes on. It is not full as soon as a leader's may be: what
    // makes room there comes behind what was on its way.
    if (message.type === "append" && message.entries.length > 0 && !this.#context.store.canGoOn(largest(message)))
      return;
    this.#core?.step(message);
    this.#context.schedule(this);
  }

  /** Its vote could not be asked for before. */
  peerConnected(): void {
    if (!this.isOpen || this.role !== "preCandidate") return;
    this.#core?.campaign();
    this.#context.schedule(this);
  }

  peerDisconnected(nodeId: NodeId): void {
    this.#core?.peerDisconnected(nodeId);
    this.#context.schedule(this);
  }

  reportUnsent(nodeId: NodeId): void {
    this.#core?.reportUnsent(nodeId);
  }

  leadsIn(term: number): boolean {
    return this.#core?.role === "leader" && this.#core.term === term;
  }

  propose(payload: Buffer, options?: ProposeOptions): Proposal | undefined {
    if (this.#ledTerm === 0 || !this.#hasRoomFor(payload.length, options?.makesRoom)) return undefined;
    const range = this.#core?.propose([{ type: "data", payload }]);
    if (range === undefined) return undefined;
    this.#context.schedule(this);
    return { index: range.firstIndex, term: range.term };
  }

  #hasRoomFor(sizeBytes: number, makesRoom = this.options.makesRoom): boolean {
    const { store } = this.#context;
    return makesRoom === true ? store.canGoOn(sizeBytes) : store.canAppend();
  }

  proposeMembership(next: Membership): Proposal | undefined {
    this.#context.failpoint?.("raft.before-propose-membership");
    const range = this.#core?.proposeMembership(next);
    if (range === undefined) return undefined;
    this.#context.schedule(this);
    return { index: range.firstIndex, term: range.term };
  }

  forceAlone(): boolean {
    const isForced = this.#core?.forceAlone() ?? false;
    if (isForced) this.#context.schedule(this);
    return isForced;
  }

  preferLeader(nodeId: NodeId | undefined): void {
    this.#preferredLeader = nodeId;
  }

  joined(joinIdMax: number): void {
    this.#joining.over(joinIdMax);
    if (this.#joining.joinId === 0) this.#core?.joined();
  }

  transferLeadership(to: NodeId): void {
    this.#context.failpoint?.("raft.before-hand-over");
    this.#core?.transferLeadership(to);
    this.#context.schedule(this);
  }

  readBarrier(signal: AbortSignal): Promise<void> {
    const ask = (requestId: number): boolean => {
      const isAsked = this.#core?.readIndex(requestId) === true;
      if (isAsked) this.#context.schedule(this);
      return isAsked;
    };
    return this.#reads.add(ask, () => new NotLeader(this.groupId, this.leaderId), signal);
  }

  /** Takes what is ready: its part of the next journal write, if it has one. Messages go out, commits are applied. */
  takeReady(): { ready: Ready; write: GroupWrite | undefined } {
    const core = this.#core;
    assert(core !== undefined, "an open group has a core");
    const ready = core.ready();
    const { snapshot, hardState, entries } = ready;
    let write: GroupWrite | undefined;
    if (snapshot !== undefined || hardState !== undefined || entries.length > 0) {
      write = {
        groupId: this.groupId,
        ...(snapshot === undefined ? {} : { truncatePrefix: this.#beginSnapshot(ready) }),
        ...(hardState === undefined ? {} : { hardState }),
        ...(entries.length === 0 ? {} : { entries }),
      };
    }
    for (const { index, type, payload } of entries) this.#noteEntry(index, type, payload);
    return { ready, write };
  }

  #noteEntry(index: number, type: EntryType, payload: Buffer): void {
    while (this.#configEntries.length > 0 && (this.#configEntries.at(-1)?.index ?? 0) >= index)
      this.#configEntries.pop();
    if (type === "config") this.#configEntries.push({ index, payload: Buffer.from(payload) });
  }

  #beginSnapshot({ snapshot }: Ready): { index: number; term: number; state: Buffer; reset: boolean } {
    assert(snapshot !== undefined, "called for a snapshot");
    this.#generation++;
    this.#configEntries = [];
    this.#truncationState = withJoinId(Buffer.from(snapshot.state), 0);
    const { machine } = decodeStoredState(this.#truncationState);
    this.#context.failpoint?.("raft.before-install-snapshot");
    this.#appliedIndex = snapshot.index;
    this.options.stateMachine.restore(machine, snapshot.index);
    this.#context.failpoint?.("raft.after-install-snapshot");
    const state = this.#joining.own(this.#truncationState);
    return { index: snapshot.index, term: snapshot.indexTerm, state, reset: true };
  }

  /** After the journal has (or was told to take) what was ready. */
  afterWrite(ready: Ready): void {
    for (const message of ready.messages) this.#send(message);
    for (const confirmed of ready.readStates) this.#reads.confirmed(confirmed);
    for (const requestId of ready.readsDropped) {
      this.#reads.settle(requestId, new NotLeader(this.groupId, this.leaderId));
    }
    this.noticeLeadership();
    this.#apply();
  }

  afterSync(ready: Ready): void {
    if (this.#isClosed) return;
    const { failpoint } = this.#context;
    if (ready.snapshot !== undefined) failpoint?.("raft.after-save-snapshot");
    if (ready.hardState !== undefined) failpoint?.("raft.after-save-vote");
    if (ready.entries.length > 0) failpoint?.("raft.after-save-entries");
    for (const message of ready.messagesAfterSync) this.#send(message);
    failpoint?.("raft.after-answer");
    this.#core?.synced(ready);
    this.#context.schedule(this);
  }

  #send(message: OutgoingMessage): void {
    if (message.type !== "snapshot") {
      this.#context.send(this, message);
      return;
    }
    if (message.index === this.truncatedIndex && this.#truncationState.length > 0) {
      this.#context.failpoint?.("raft.before-send-snapshot");
      this.#context.send(this, { ...message, state: this.#truncationState });
    } else {
      this.#core?.reportSnapshotFailed(message.to);
    }
  }

  /** Tells the state machine and the host when leadership has come or gone. */
  noticeLeadership(): void {
    const core = this.#core as RaftCore;
    if (this.#ledTerm !== 0 && !this.leadsIn(this.#ledTerm)) {
      this.#ledTerm = 0;
      this.#context.failpoint?.("raft.leadership-lost");
      this.options.stateMachine.leadershipLost();
    }
    if (this.#ledTerm === 0 && core.isTermCommitted && this.#appliedIndex >= core.commitIndex) {
      this.#ledTerm = core.term;
      this.#context.failpoint?.("raft.leadership-gained");
      this.options.stateMachine.leadershipGained(core.term);
    }
    if (core.leaderId !== this.#announcedLeader) {
      this.#announcedLeader = core.leaderId;
      this.#context.leaderChanged(this);
    }
  }

  /** Hands committed entries to the state machine: at once from the cache, else when the disk has them. */
  #apply(): void {
    const core = this.#core as RaftCore;
    while (!this.#isApplying && this.#appliedIndex < core.commitIndex) {
      this.#context.failpoint?.("raft.after-commit-advance");
      const from = this.#appliedIndex + 1;
      const cached = this.#context.store.cachedEntries(this.groupId, from, core.commitIndex, {
        bytesMax: APPLY_BYTES_MAX,
      });
      if (cached === undefined) {
        this.#applyFromDisk(from, core.commitIndex);
        return;
      }
      this.#applyEntries(cached);
    }
    this.#reads.applied(this.#appliedIndex);
    this.noticeLeadership();
  }

  #applyFromDisk(from: number, to: number): void {
    const generation = this.#generation;
    this.#isApplying = true;
    this.#readSurely(from, to)
      .then(
        (entries) => {
          this.#isApplying = false;
          if (this.#isClosed) return;
          if (generation === this.#generation) this.#applyEntries(entries);
          this.#apply();
        },
        (error: unknown) => {
          this.#isApplying = false;
          if (this.#isClosed) return;
          if (generation === this.#generation) this.#context.fail(error);
          else this.#apply();
        },
      )
      // What the state machine or the store throws here has nobody else who would hear of it.
      .catch((error: unknown) => this.#context.fail(error));
  }

  #applyEntries(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    assert(entries[0]?.index === this.#appliedIndex + 1, "entries are applied in order");
    const { failpoint } = this.#context;
    failpoint?.("raft.before-apply");
    this.options.stateMachine.apply(entries);
    this.#appliedIndex = last.index;
    failpoint?.("raft.after-apply");
    if (failpoint !== undefined) this.#passMemberships(entries, failpoint);
    this.#entriesSinceCheckpoint += entries.length;
    for (const { payload } of entries) this.#bytesSinceCheckpoint += payload.length;
    const isDue =
      this.#entriesSinceCheckpoint >= this.options.checkpointEveryEntries ||
      this.#bytesSinceCheckpoint >= CHECKPOINT_EVERY_BYTES;
    if (isDue) this.saveCheckpoint();
  }

  #passMemberships(entries: readonly Entry[], failpoint: Failpoint): void {
    const core = this.#core as RaftCore;
    for (const { type, index } of entries) {
      if (type !== "config") continue;
      failpoint(isJoint(core.membershipAt(index)) ? "raft.after-joint-membership" : "raft.after-final-membership");
    }
  }

  saveCheckpoint(): void {
    if (this.#entriesSinceCheckpoint === 0 || this.#isClosed) return;
    this.#entriesSinceCheckpoint = 0;
    this.#bytesSinceCheckpoint = 0;
    const index = this.#appliedIndex;
    this.#context.store.saveCheckpoint(this.groupId, { index, state: this.#stateAt(index) });
  }

  /** Only for the applied index: that is what the machine's state is of. */
  #stateAt(index: number, machine = this.options.stateMachine.checkpoint()): Buffer {
    const core = this.#core as RaftCore;
    return encodeStoredState({
      membership: core.membershipAt(index),
      configEntries: this.#configEntries.filter((entry) => entry.index <= index),
      machine,
    });
  }

  truncatePrefix(index: number, state: Buffer): void {
    const core = this.#core;
    if (core === undefined || index <= core.truncatedIndex) return;
    assert(index <= this.#appliedIndex, "only what was applied is truncated");
    const term = this.#context.store.summary(this.groupId);
    const run = term?.termRuns.findLast(({ fromIndex }) => fromIndex <= index);
    assert(run !== undefined, "the log holds the entry that it is truncated at");
    const stored = encodeStoredState({ membership: core.membershipAt(index), configEntries: [], machine: state });
    core.truncatePrefix(index);
    this.#configEntries = this.#configEntries.filter((entry) => entry.index > index);
    this.#truncationState = stored;
    const own = this.#joining.own(stored);
    const part = { groupId: this.groupId, truncatePrefix: { index, term: run.term, state: own, reset: false } };
    const { store, failpoint } = this.#context;
    failpoint?.("log.before-truncate-prefix");
    store.submit([part], () => failpoint?.("log.after-truncate-prefix"));
  }

  /** It has all that is committed. Under load something is always on its way beyond that, and a transfer waits for it. */
  isCaughtUp(nodeId: NodeId): boolean {
    return (
      isVoter(this.membership, nodeId) &&
      this.followers().some(
        (peer) => peer.nodeId === nodeId && peer.recentlyActive && peer.matchIndex >= this.commitIndex,
      )
    );
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#ledTerm !== 0) this.options.stateMachine.leadershipLost();
    this.#ledTerm = 0;
    this.#reads.rejectAll(() => new NotLeader(this.groupId, undefined));
  }
}

function largest({ entries }: AppendMessage): number {
  return entries.reduce((sizeBytes, { payload }) => Math.max(sizeBytes, payload.length), 0);
}
