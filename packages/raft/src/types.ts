/** The vocabulary of one Raft group. Payloads are never inspected here. */

/** A node's name, unique in the cluster, e.g. `broker-1`. */
export type NodeId = string;

/** What an entry carries. `noop`: a new leader's first entry. `config`: membership. `data`: the host's. */
export type EntryType = "noop" | "data" | "config";

export interface Entry {
  /** Starts at 1, no gaps. */
  readonly index: number;
  readonly term: number;
  readonly type: EntryType;
  /** Opaque. Empty for a noop. */
  readonly payload: Buffer;
}

/** Durable before anything that follows from it is said to anybody. */
export interface HardState {
  readonly term: number;
  /** Whom this replica voted for in `term`. */
  readonly votedFor: NodeId | undefined;
  /** A hint for a faster restart; may lag behind. */
  readonly commitIndex: number;
}

/** Who takes part. During joint consensus a decision needs a majority of `voters` and of `votersOutgoing`. */
export interface Membership {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /**
   * Former members, of before the group was recovered from one replica (`forceAlone`). They may come back and be a majority of what
   * the group was then: nothing that they say counts, until one of them is a member again.
   */
  readonly fenced?: readonly NodeId[];
  /**
   * By which of its joinings a member that has joined is one, for as long as it is. An older membership in the same log may name the
   * node too, from a stay that it has forgotten. Absent when nobody's is known.
   */
  readonly joins?: Readonly<Record<NodeId, number>>;
}

/** A config entry of the log, for a restart. `payload` as `encodeMembership` made it. */
export interface ConfigEntry {
  readonly index: number;
  readonly payload: Buffer;
}

/** What `propose` takes. Membership goes through `proposeMembership`. */
export interface ProposedEntry {
  readonly type: Exclude<EntryType, "config">;
  readonly payload: Buffer;
}

/** The indexes that a proposal got. It may still be replaced by another leader's entries until it is committed. */
export interface ProposedRange {
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly term: number;
}

/** A run of entries of one term: from `fromIndex` up to the next run's start. */
export interface TermRun {
  readonly fromIndex: number;
  readonly term: number;
}

/** What the disk holds of a group's log, without the payloads. */
export interface LogSummary {
  /** The last entry that was truncated away (retention or snapshot), 0/0 for a whole log. */
  readonly truncatedIndex: number;
  readonly truncatedTerm: number;
  /** `truncatedIndex` when the log is empty. */
  readonly lastIndex: number;
  /** Ascending; the first starts at truncatedIndex + 1. Empty for an empty log. */
  readonly termRuns: readonly TermRun[];
}

export type Role = "follower" | "preCandidate" | "candidate" | "leader" | "learner";

interface MessageBase {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: number;
}

/** `preVote`: would you vote for me at `term`? Nothing changes by it (thesis, 9.6). */
export interface VoteMessage extends MessageBase {
  readonly type: "vote" | "preVote";
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Leadership transfer: peers must not defend their live leader. */
  readonly force: boolean;
}

export interface VoteResponse extends MessageBase {
  readonly type: "voteResponse" | "preVoteResponse";
  readonly granted: boolean;
}

/** As sent on the wire, with the entries themselves. */
export interface AppendMessage extends MessageBase {
  readonly type: "append";
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly commitIndex: number;
  readonly entries: readonly Entry[];
}

/**
 * As the leader's core emits it: a range. The host reads the entries (cache or disk) when the peer's stream has room,
 * and may split the range over several consecutive `append` messages. Drop it when the core no longer leads in `term`.
 */
export interface AppendRange extends MessageBase {
  readonly type: "appendRange";
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly commitIndex: number;
  /** Inclusive on both ends; empty (a probe or commit notice) when toIndex < fromIndex. */
  readonly fromIndex: number;
  readonly toIndex: number;
}

export interface AppendResponse extends MessageBase {
  readonly type: "appendResponse";
  readonly success: boolean;
  /** Success: the last index known to match and durable here. Refusal: the refused prevIndex. */
  readonly index: number;
  /** Refusal only: where to try next (a hint at the end of the last possibly matching term). */
  readonly hintIndex: number;
  readonly hintTerm: number;
}

export interface HeartbeatMessage extends MessageBase {
  readonly type: "heartbeat";
  /** Never above what the receiver is known to hold. */
  readonly commitIndex: number;
  /** ReadIndex: echoed in the response. 0 when none. */
  readonly readContext: number;
  /** The leader goes quiet: a receiver whose log ends at `lastIndex` and is committed may stop its election timer. */
  readonly quiesce: boolean;
  readonly lastIndex: number;
}

export interface HeartbeatResponse extends MessageBase {
  readonly type: "heartbeatResponse";
  readonly readContext: number;
  /** The receiver's durable last index: tells a leader that woke up what is missing. Not a proof that it matches. */
  readonly lastIndex: number;
}

/** The log's beginning for a replica that is behind the leader's truncation point. Its tail follows as appends. */
export interface SnapshotMessage extends MessageBase {
  readonly type: "snapshot";
  readonly index: number;
  readonly indexTerm: number;
  readonly membership: Membership;
  /**
   * The state machine's small state at `index`. The core emits it empty; the host fills it in when it sends. When the
   * host has truncated further since, it drops the message and calls `reportSnapshotFailed`: the core emits a new one.
   */
  readonly state: Buffer;
}

export interface TimeoutNowMessage extends MessageBase {
  /** Leadership transfer: campaign at once (thesis, 3.10). */
  readonly type: "timeoutNow";
}

/** What travels between nodes. */
export type WireMessage =
  | VoteMessage
  | VoteResponse
  | AppendMessage
  | AppendResponse
  | HeartbeatMessage
  | HeartbeatResponse
  | SnapshotMessage
  | TimeoutNowMessage;

/** What the core hands to its host for sending. */
export type OutgoingMessage = Exclude<WireMessage, AppendMessage> | AppendRange;

/** A read may be answered once everything up to `readIndex` is applied. */
export interface ReadState {
  readonly requestId: number;
  readonly readIndex: number;
}

/** Work for the host, in this order: `snapshot`, `hardState` and `entries` in one journal write; send; apply. */
export interface Ready {
  /** Replace the whole log by this beginning (follower that was too far behind). */
  readonly snapshot: SnapshotMessage | undefined;
  readonly hardState: HardState | undefined;
  /** Contiguous, ascending. An entry replaces what the log holds from its index on. */
  readonly entries: readonly Entry[];
  /** May leave at once: a leader replicates while its own disk still writes (thesis, 10.2.1). */
  readonly messages: readonly OutgoingMessage[];
  /** Only after this Ready's journal write is durable (or, when it has none, after all earlier ones are). */
  readonly messagesAfterSync: readonly OutgoingMessage[];
  /** Never decreases. Everything up to here may be applied (once it is in the host's hands). */
  readonly commitIndex: number;
  readonly readStates: readonly ReadState[];
  /** Reads that this replica can no longer answer because it lost the leadership: ask the new leader. */
  readonly readsDropped: readonly number[];
}

export interface CoreConfig {
  readonly id: NodeId;
  /** As of `log.truncatedIndex`. Without voters for a replica that knows nothing yet: it waits for a leader. */
  readonly membership: Membership;
  /** The config entries that the log holds after `truncatedIndex`, ascending. None when absent. */
  readonly configEntries?: readonly ConfigEntry[];
  /**
   * A node that leaves a group forgets it, and may join it again. It has no vote before its log has made it a member, by an entry or
   * a snapshot: old members may still count on what it has forgotten. Whoever proposes it as a voter waits until it has that entry.
   */
  readonly forgets?: boolean;
  /**
   * With `forgets`: the number of this joining, never used before in this group. Only a membership that has it in `joins` makes this node
   * a member; others may be of an earlier stay, and come long before the entries that it acknowledged then. 0 or absent: any does.
   */
  readonly joinId?: number;
  readonly hardState: HardState;
  readonly log: LogSummary;
  /** Ticks of silence before a follower campaigns; the real one is drawn from [n, 2n) by `randomTicks`. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Appends in flight to one follower before the leader waits for its answers. */
  readonly inFlightAppendsMax: number;
  readonly entriesPerAppendMax: number;
  /** The only randomness: injected, uniform integer in [0, exclusiveMax). */
  readonly randomTicks: (exclusiveMax: number) => number;
}

/** The leader's view of one follower, for status, metrics and repair. */
export interface FollowerProgress {
  readonly nodeId: NodeId;
  readonly matchIndex: number;
  readonly state: "probe" | "replicate" | "snapshot";
  readonly recentlyActive: boolean;
}

/**
 * One replica of one group. The host calls in any order, then takes `ready()` while `hasReady`, and reports each Ready
 * with `synced` once its journal write is durable, in order.
 */
export interface Core {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: number;
  readonly leaderId: NodeId | undefined;
  readonly commitIndex: number;
  readonly lastIndex: number;
  readonly truncatedIndex: number;
  /** In force: the latest in the log, committed or not. */
  readonly membership: Membership;
  /** The index of the noop that opened this leader's term is committed: its state is complete. False when not leading. */
  readonly isTermCommitted: boolean;
  /** No ticks are needed: the group is idle, and everything known is committed everywhere. Any call below may end it. */
  readonly isQuiet: boolean;
  readonly hasReady: boolean;

  tick(): void;
  /** Stale or foreign messages are answered or dropped, never thrown on. */
  step(message: WireMessage): void;
  /** Undefined: not the leader, or a transfer is going on. Bounded by the host. */
  propose(entries: readonly ProposedEntry[]): ProposedRange | undefined;
  /** Starts a change to `next` (joint when voters change; the core finishes it). Undefined: not now. */
  proposeMembership(next: Membership): ProposedRange | undefined;
  /** Answered in `Ready.readStates` or `readsDropped`. False: not the leader. */
  readIndex(requestId: number): boolean;
  /**
   * Unsafe recovery of a group whose majority is gone for good: this replica goes on alone, with all that its log holds, whether it
   * was committed or not. What only the others had is lost; they are fenced. False when it is no voter or hears a leader.
   */
  forceAlone(): boolean;
  /** False: not the leader, or `to` is no voter. Proposals are refused until it happened or timed out. */
  transferLeadership(to: NodeId): boolean;
  /** Pre-vote at once: the preferred leader of a new group, or the host knows that the leader is dead. */
  campaign(): void;
  /** News from the transport. A follower that loses its leader's connection starts a pre-vote at once. */
  peerDisconnected(nodeId: NodeId): void;
  /** An append or snapshot to this peer was dropped by the host: probe again. */
  reportUnsent(nodeId: NodeId): void;
  reportSnapshotFailed(nodeId: NodeId): void;
  ready(): Ready;
  synced(ready: Ready): void;
  /** The host knows from elsewhere that the log has made this node a member: any membership that names it counts from now on. */
  joined(): void;
  /** The host has truncated the log up to `index` (at most the applied index). */
  truncatePrefix(index: number): void;
  /** As of `index`, which the log holds: stored beside a truncation. */
  membershipAt(index: number): Membership;
  /** Leader only; empty otherwise. */
  followers(): readonly FollowerProgress[];
}
