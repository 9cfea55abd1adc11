import type { Entry, FollowerProgress, Membership, NodeId, Role, WireMessage } from "@millrace/raft";
import type { RawFrame } from "@millrace/proto";
import type { GroupId } from "@millrace/storage";

/** What a group's committed entries mean. Runs on every replica, deterministic, synchronous. */
export interface StateMachine {
  /** Committed entries in order, each exactly once after `restore` (noop and config entries too: skip by type). */
  apply(entries: readonly Entry[]): void;
  /** The small state at the applied index, for checkpoints. */
  checkpoint(): Buffer;
  /** `state` is empty for the beginning of a log. Called before the first apply, and when a snapshot replaces the log. */
  restore(state: Buffer, index: number): void;
  /** The leader accepts proposals from now on: everything of earlier terms is applied. */
  leadershipGained(term: number): void;
  /** Proposals in flight end as unknown. */
  leadershipLost(): void;
}

export interface GroupOptions {
  readonly groupId: GroupId;
  /** For a group that this node has never hosted; a stored group's own configuration wins. */
  readonly membership: Membership;
  /** For a node that is to join such a group: it listens to no leader of an earlier term, and votes in none. 0 unless given. */
  readonly termMin?: number;
  /** For a node that is to join, and until it has: by which joining its log is to make it a member. None by number when 0 or absent. */
  readonly joinId?: number;
  readonly stateMachine: StateMachine;
  /** This replica may campaign at once when the group is new, and takes leadership back when it is caught up. */
  readonly preferredLeader: NodeId | undefined;
  /** Applied entries between checkpoints. */
  readonly checkpointEveryEntries: number;
  /** All its entries are such as `ProposeOptions.makesRoom` is for: its leader stays when its disk is nearly full. */
  readonly makesRoom?: boolean;
}

export interface ProposeOptions {
  /** Without it no room is made on a disk that is nearly full: taken while some of the reserve is left, a small one the longest. */
  readonly makesRoom: boolean;
}

export interface Proposal {
  readonly index: number;
  readonly term: number;
}

/** One replica of one group, as its owner sees it. */
export interface GroupHandle {
  readonly groupId: GroupId;
  readonly role: Role;
  readonly term: number;
  readonly leaderId: NodeId | undefined;
  /** True between `leadershipGained` and `leadershipLost`, while there is room. */
  readonly canPropose: boolean;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  readonly truncatedIndex: number;
  /** Undefined while nothing was truncated, or the group is not open. */
  beginning(): LogBeginning | undefined;
  /** The newest one in the log, committed or not. */
  readonly membership: Membership;
  readonly isMembershipCommitted: boolean;
  /** Of the entry that brought it; 0 when the log no longer has it. */
  readonly membershipIndex: number;
  /** Leader only. */
  followers(): readonly FollowerProgress[];
  /**
   * Appends one entry to the log of the leader. Undefined: not the leader. The outcome is seen in `apply` (same index and
   * term: committed) or in `leadershipLost` (unknown). Bounded by the caller.
   */
  propose(payload: Buffer, options?: ProposeOptions): Proposal | undefined;
  /** ReadIndex: resolves when everything committed before the call is applied here. @throws NotLeader */
  readBarrier(signal: AbortSignal): Promise<void>;
  /** Retention: forget entries up to `index` (at most the applied index); `state` is the machine's state there. */
  truncatePrefix(index: number, state: Buffer): void;
  transferLeadership(to: NodeId): void;
  /** From now on instead of the one that it was opened with. */
  preferLeader(nodeId: NodeId | undefined): void;
  /** Joinings up to this number are over: this node is known to have in its log what has made it a member. */
  joined(joinIdMax: number): void;
  proposeMembership(next: Membership): Proposal | undefined;
  /** Unsafe recovery: see `Core.forceAlone` of @millrace/raft. False: not now. */
  forceAlone(): boolean;
}

/**
 * Carries Raft messages between nodes: at most one connection in each direction of a pair, ordered, lossy at its ends.
 * Made by gRPC in the real world, by the simulated network in tests.
 */
export interface PeerTransport {
  /** Known addresses, `host:port`; a changed address reconnects. Peers that are absent are disconnected. */
  setPeers(addresses: ReadonlyMap<NodeId, string>): void;
  /** False: not connected or the send buffer is full; the message is dropped (Raft retries). */
  send(to: NodeId, frame: RawFrame): boolean;
  /** Bytes accepted by `send` and not yet handed to the kernel; the host pauses materialising entries above its bound. */
  bufferedBytes(to: NodeId): number;
  /** Calls `listener` once when `bufferedBytes(to)` has fallen below half of the bound, or the connection ended. */
  onDrain(to: NodeId, listener: () => void): void;
  /** One handler for the life of the transport. The promise is the backpressure: the next frame of that peer waits. */
  start(handler: PeerHandler): void;
  close(): Promise<void>;
}

export interface PeerHandler {
  message(from: NodeId, payload: Buffer): Promise<void> | undefined;
  /** We can send to it. */
  connected(peer: NodeId): void;
  /** Our stream or its stream ended: news of a death much sooner than any time-out. */
  disconnected(peer: NodeId): void;
}

/** A replica whose disk has lost an entry asks another one for it. Not Raft's: nobody's log changes by it. */
export interface FetchEntry {
  readonly type: "fetchEntry";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly index: number;
}

/** The answer; without an entry when it is not to be had there. */
export interface FetchedEntry {
  readonly type: "fetchedEntry";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly index: number;
  readonly entry: Entry | undefined;
}

/** The answer of one whose log begins after the entry: what it led to, with where its log begins. */
export interface FetchedState {
  readonly type: "fetchedState";
  readonly from: NodeId;
  readonly to: NodeId;
  /** That was asked for. */
  readonly index: number;
  readonly truncatedIndex: number;
  readonly truncatedTerm: number;
  readonly state: Buffer;
}

/** Where a log begins: after `index`, with the state up to there. */
export type LogBeginning = Pick<FetchedState, "truncatedIndex" | "truncatedTerm" | "state">;

export type PeerMessage = WireMessage | FetchEntry | FetchedEntry | FetchedState;

/** A message together with its group, as coalesced in one frame (wire.ts). */
export interface GroupMessage {
  readonly groupId: GroupId;
  readonly message: PeerMessage;
}

/** Everything a node hosts. One per process role; drives all groups through one store and one transport. */
export interface RaftHost {
  readonly nodeId: NodeId;
  /** Joins a group: from the store when it was hosted before, else fresh with `options.membership`. */
  openGroup(options: GroupOptions): GroupHandle;
  group(groupId: GroupId): GroupHandle | undefined;
  /** Leaves the group and deletes its log here; resolves when that is durable. */
  deleteGroup(groupId: GroupId): Promise<void>;
  setPeers(addresses: ReadonlyMap<NodeId, string>): void;
  /** Nodes that this one can exchange messages with now. */
  isConnected(nodeId: NodeId): boolean;
  /** Called whenever a hosted group learns of a new leader (or of none). */
  onLeaderChange(listener: (groupId: GroupId, leaderId: NodeId | undefined) => void): void;
  /** Hands every leadership to a caught-up peer, at most `timeoutMs`; for a planned stop. */
  transferAllLeadership(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}
