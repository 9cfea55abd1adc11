import { isVoter, type NodeId, type OutgoingMessage, type Ready } from "@millrace/raft";
import { DiskFull, type GroupId, type GroupState, type GroupWrite, type LogStore } from "@millrace/storage";
import {
  assert,
  type Clock,
  errorMessage,
  type Failpoint,
  type Logger,
  MIB,
  type Random,
  type Timer,
} from "@millrace/util";
import { CatchUpPace } from "./catch-up-pace.ts";
import { EntryRepair } from "./entry-repair.ts";
import { Group } from "./group.ts";
import type { GroupContext } from "./group-context.ts";
import { PeerSender } from "./peer-sender.ts";
import type { FetchedState, GroupHandle, GroupOptions, PeerMessage, PeerTransport, RaftHost } from "./types.ts";
import { decodePeerFrame } from "./wire.ts";

export interface RaftHostOptions {
  readonly nodeId: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly store: LogStore;
  readonly transport: PeerTransport;
  /** Called once when this node can no longer acknowledge anything: report it and stop the process. */
  readonly onFatal: (error: Error) => void;
  readonly tickMs?: number;
  /** Ticks without a sign of the leader before a vote. Silent deaths only: a closed connection is news at once. */
  readonly electionTicks?: number;
  /** Old entries that are read from the disk for peers, all peers together. */
  readonly catchUpBytesPerSecond?: number;
  readonly failpoint?: Failpoint | undefined;
}

export interface RaftHostStats {
  readonly groups: number;
  readonly activeGroups: number;
  readonly leaders: number;
  /** Elections won here since the start. */
  readonly electionsWon: number;
  /** Unreadable entries that were had again from peers since the start. */
  readonly entriesRepaired: number;
}

const TICK_MS = 100;
const ELECTION_TICKS = 10;
const CATCH_UP_BYTES_PER_SECOND = 64 * MIB;
/** The disk has this much to do: peers wait before they send more. */
const QUEUED_BYTES_MAX = 64 * MIB;
const BACKPRESSURE_POLL_MS = 5;
/** A preferred leader takes over after it was caught up for this long, a few groups at a time. */
const HAND_BACK_AFTER_MS = 5_000;
const HAND_BACK_EVERY_MS = 1_000;
const HAND_BACK_GROUPS_MAX = 32;
const FIRST_DISK_READS_MAX = 4;

interface Taken {
  readonly group: Group;
  readonly ready: Ready;
}

interface Held extends Taken {
  writesLeft: number;
}

export function createRaftHost(options: RaftHostOptions): RaftHost & { stats(): RaftHostStats } {
  return new Host(options);
}

class Host implements RaftHost {
  readonly nodeId: NodeId;
  readonly #options: RaftHostOptions;
  readonly #store: LogStore;
  readonly #stored = new Map<GroupId, GroupState>();
  readonly #groups = new Map<GroupId, Group>();
  /** Those that need ticks. */
  readonly #active = new Set<Group>();
  readonly #scheduled = new Set<Group>();
  readonly #senders = new Map<NodeId, PeerSender>();
  readonly #connected = new Set<NodeId>();
  /** Monotonic ms of the last frame of each connected peer. */
  readonly #heardAtMs = new Map<NodeId, number>();
  /** Connected by TCP, but silent. */
  readonly #silent = new Set<NodeId>();
  readonly #leaderListeners: ((groupId: GroupId, leaderId: NodeId | undefined) => void)[] = [];
  readonly #context: GroupContext;
  readonly #repair: EntryRepair;
  readonly #pace: CatchUpPace;
  readonly #opening: Group[] = [];
  readonly #openingNow = new Set<Group>();
  #isFlushQueued = false;
  #isEnded = false;
  #tickTimer: Timer | undefined;
  #lastTickMs: number;
  #lastHandBackMs: number;
  readonly #caughtUpSinceMs = new Map<Group, number>();
  #electionsWon = 0;
  #writesInFlight = 0;
  readonly #held: Held[] = [];

  constructor(options: RaftHostOptions) {
    this.nodeId = options.nodeId;
    this.#options = options;
    this.#store = options.store;
    for (const state of options.store.groups()) this.#stored.set(state.groupId, state);
    const random = options.random.fork("raft");
    this.#context = {
      nodeId: options.nodeId,
      store: options.store,
      electionTicks: options.electionTicks ?? ELECTION_TICKS,
      randomTicks: (exclusiveMax) => random.between(0, exclusiveMax - 1),
      schedule: (group) => this.#schedule(group),
      send: (group, message) => this.#send(group, message),
      leaderChanged: (group) => this.#leaderChanged(group),
      repair: (group, index) => this.#repaired(group, index),
      fail: (error) => this.#fail(error),
      failpoint: options.failpoint,
    };
    this.#pace = new CatchUpPace(options.clock, options.catchUpBytesPerSecond ?? CATCH_UP_BYTES_PER_SECOND);
    this.#repair = new EntryRepair({
      ...options,
      group: (groupId) => this.#groups.get(groupId),
      connected: () => this.#connected,
      send: (groupId, message) => this.#sendOther(groupId, message),
    });
    this.#lastTickMs = options.clock.monotonicMs();
    this.#lastHandBackMs = this.#lastTickMs;
    options.store.onFailure((error) => this.#fail(error));
    options.transport.start({
      message: (from, payload) => this.#receive(from, payload),
      connected: (peer) => this.#peerConnected(peer),
      disconnected: (peer) => this.#peerDisconnected(peer),
    });
    this.#scheduleTick();
  }

  // ---- groups

  openGroup(options: GroupOptions): GroupHandle {
    assert(!this.#groups.has(options.groupId), "a group is opened once");
    const group = new Group(this.#context, options);
    this.#groups.set(options.groupId, group);
    this.#opening.push(group);
    this.#openNext();
    return group;
  }

  /** A few at a time: each may read a log's tail. */
  #openNext(): void {
    while (this.#openingNow.size < FIRST_DISK_READS_MAX) {
      const group = this.#opening.shift();
      if (group === undefined) return;
      const stored = this.#stored.get(group.groupId);
      this.#stored.delete(group.groupId);
      this.#openingNow.add(group);
      group
        .open(stored)
        .catch((error: unknown) => this.#fail(error))
        .finally(() => {
          this.#openingNow.delete(group);
          this.#openNext();
        });
    }
  }

  /** A group that waits for its peers does not keep others from opening. */
  async #repaired(group: Group, index: number): Promise<FetchedState | undefined> {
    if (this.#openingNow.delete(group)) this.#openNext();
    const repaired = await this.#repair.repair(group.groupId, index);
    return typeof repaired === "boolean" ? undefined : repaired;
  }

  group(groupId: GroupId): GroupHandle | undefined {
    return this.#groups.get(groupId);
  }

  async deleteGroup(groupId: GroupId): Promise<void> {
    const group = this.#groups.get(groupId);
    if (group !== undefined) {
      group.close();
      // It would note on the disk that it joins, behind its deletion.
      const waiting = this.#opening.indexOf(group);
      if (waiting >= 0) this.#opening.splice(waiting, 1);
      this.#groups.delete(groupId);
      this.#active.delete(group);
      this.#scheduled.delete(group);
      this.#caughtUpSinceMs.delete(group);
    }
    this.#stored.delete(groupId);
    const { failpoint } = this.#options;
    failpoint?.("raft.before-forget-group");
    await this.#store.write([{ groupId, deleteGroup: true }]);
    failpoint?.("raft.after-forget-group");
  }

  // ---- peers

  setPeers(addresses: ReadonlyMap<NodeId, string>): void {
    const others = new Map([...addresses].filter(([nodeId]) => nodeId !== this.nodeId));
    this.#options.transport.setPeers(others);
  }

  isConnected(nodeId: NodeId): boolean {
    return nodeId === this.nodeId || (this.#connected.has(nodeId) && !this.#silent.has(nodeId));
  }

  onLeaderChange(listener: (groupId: GroupId, leaderId: NodeId | undefined) => void): void {
    this.#leaderListeners.push(listener);
  }

  #leaderChanged(group: Group): void {
    if (group.leaderId === this.nodeId) this.#electionsWon++;
    for (const listener of this.#leaderListeners) listener(group.groupId, group.leaderId);
  }

  #peerConnected(peer: NodeId): void {
    this.#connected.add(peer);
    this.#silent.delete(peer);
    this.#heardAtMs.set(peer, this.#options.clock.monotonicMs());
    for (const group of this.#active) group.peerConnected();
  }

  #peerDisconnected(peer: NodeId): void {
    this.#connected.delete(peer);
    this.#silent.delete(peer);
    this.#heardAtMs.delete(peer);
    this.#senders.get(peer)?.reset();
    this.#tellGroups(peer);
  }

  #tellGroups(peer: NodeId): void {
    for (const group of this.#groups.values()) {
      if (group.leaderId === peer || group.role === "leader") group.peerDisconnected(peer);
    }
  }

  #receive(from: NodeId, payload: Buffer): Promise<void> | undefined {
    if (this.#isEnded) return undefined;
    this.#heardAtMs.set(from, this.#options.clock.monotonicMs());
    this.#silent.delete(from);
    for (const { groupId, message } of decodePeerFrame(payload, from, this.nodeId)) {
      if (message.type === "fetchEntry") this.#repair.asked(groupId, message);
      else if (message.type === "fetchedEntry" || message.type === "fetchedState") {
        this.#repair.fetched(groupId, message);
      } else this.#groups.get(groupId)?.step(message);
    }
    return this.#store.stats().queuedBytes > QUEUED_BYTES_MAX ? this.#untilDiskCatchesUp() : undefined;
  }

  async #untilDiskCatchesUp(): Promise<void> {
    while (!this.#isEnded && this.#store.stats().queuedBytes > QUEUED_BYTES_MAX / 2) {
      await this.#options.clock.sleep(BACKPRESSURE_POLL_MS);
    }
  }

  // ---- the turn: everything that became ready goes to the journal as one write

  #schedule(group: Group): void {
    this.#scheduled.add(group);
    if (this.#isFlushQueued) return;
    this.#isFlushQueued = true;
    queueMicrotask(() => {
      this.#isFlushQueued = false;
      try {
        this.#flush();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #flush(): void {
    while (this.#scheduled.size > 0 && !this.#isEnded) {
      const taken: Taken[] = [];
      const writes: GroupWrite[] = [];
      for (const group of this.#scheduled) {
        if (!group.isOpen) continue;
        if (group.hasReady) {
          const { ready, write } = group.takeReady();
          taken.push({ group, ready });
          if (write !== undefined) writes.push(write);
        } else {
          group.noticeLeadership();
        }
        if (group.isQuiet) this.#active.delete(group);
        else this.#active.add(group);
      }
      this.#scheduled.clear();
      if (writes.length > 0) this.#write(writes, taken);
      for (const { group, ready } of taken) group.afterWrite(ready);
      if (writes.length === 0) this.#speakInOrder(taken);
    }
    for (const sender of this.#senders.values()) sender.flush();
  }

  #write(writes: readonly GroupWrite[], taken: readonly Taken[]): void {
    const { failpoint } = this.#options;
    for (const { hardState, entries } of writes) {
      if (hardState !== undefined) failpoint?.("raft.before-save-vote");
      if (entries !== undefined) failpoint?.("raft.before-save-entries");
    }
    this.#writesInFlight++;
    this.#store.submit(writes, () => {
      this.#writesInFlight--;
      for (const { group, ready } of taken) group.afterSync(ready);
      this.#releaseHeld();
    });
  }

  /** A Ready without a write speaks when every write before it is durable. */
  #speakInOrder(taken: readonly Taken[]): void {
    for (const { group, ready } of taken) {
      if (ready.messagesAfterSync.length === 0) continue;
      if (this.#writesInFlight === 0) group.afterSync(ready);
      else this.#held.push({ group, ready, writesLeft: this.#writesInFlight });
    }
  }

  #releaseHeld(): void {
    if (this.#held.length === 0) return;
    for (const held of this.#held) held.writesLeft--;
    while (this.#held[0]?.writesLeft === 0) {
      const { group, ready } = this.#held.shift() as Held;
      group.afterSync(ready);
    }
  }

  #send(group: Group, message: OutgoingMessage): void {
    if (this.#connected.has(message.to)) this.#sender(message.to).add(group, message);
  }

  #sendOther(groupId: GroupId, message: PeerMessage): void {
    if (!this.#connected.has(message.to)) return;
    const sender = this.#sender(message.to);
    sender.addOther(groupId, message);
    sender.flush();
  }

  #sender(peer: NodeId): PeerSender {
    let sender = this.#senders.get(peer);
    if (sender === undefined) {
      const onError = (error: unknown): void => {
        this.#options.logger.warn({ peer, error: errorMessage(error) }, "entries for a peer cannot be read");
      };
      const { transport } = this.#options;
      sender = new PeerSender(peer, { transport, store: this.#store, pace: this.#pace }, onError);
      this.#senders.set(peer, sender);
    }
    return sender;
  }

  // ---- time

  #scheduleTick(): void {
    this.#tickTimer = this.#options.clock.setTimer(this.#options.tickMs ?? TICK_MS, () => {
      if (this.#isEnded) return;
      this.#tick();
      this.#scheduleTick();
    });
  }

  #tick(): void {
    const tickMs = this.#options.tickMs ?? TICK_MS;
    const nowMs = this.#options.clock.monotonicMs();
    // This process itself stood still: the silence was ours.
    const wasPaused = nowMs - this.#lastTickMs > 5 * tickMs;
    this.#lastTickMs = nowMs;
    for (const peer of this.#connected) {
      this.#sender(peer).heartbeat();
      if (wasPaused) this.#heardAtMs.set(peer, nowMs);
      const silentMs = nowMs - (this.#heardAtMs.get(peer) ?? nowMs);
      if (silentMs > this.#context.electionTicks * tickMs && !this.#silent.has(peer)) {
        this.#silent.add(peer);
        this.#tellGroups(peer);
      }
    }
    for (const group of this.#active) group.tick();
    if (nowMs - this.#lastHandBackMs >= HAND_BACK_EVERY_MS) {
      this.#lastHandBackMs = nowMs;
      // A leader that takes no data is none. Where others have no room either, nothing is lost by trying.
      if (this.#store.canAppend()) this.#handBack(nowMs);
      else this.#giveAway((group) => !group.canPropose);
    }
  }

  /** Gives leaderships back to where the placement wants them, once those replicas have been caught up for a while. */
  #handBack(nowMs: number): void {
    let count = 0;
    for (const group of this.#groups.values()) {
      const { preferredLeader } = group;
      const isCandidate =
        preferredLeader !== undefined &&
        preferredLeader !== this.nodeId &&
        group.role === "leader" &&
        this.isConnected(preferredLeader) &&
        group.isCaughtUp(preferredLeader);
      if (!isCandidate) {
        // Under load it lags by what is on its way; being connected and near is enough to keep waiting.
        if (preferredLeader === undefined || !this.isConnected(preferredLeader)) this.#caughtUpSinceMs.delete(group);
        continue;
      }
      const sinceMs = this.#caughtUpSinceMs.get(group) ?? nowMs;
      this.#caughtUpSinceMs.set(group, sinceMs);
      if (nowMs - sinceMs < HAND_BACK_AFTER_MS || count >= HAND_BACK_GROUPS_MAX) continue;
      count++;
      this.#caughtUpSinceMs.delete(group);
      group.transferLeadership(preferredLeader);
    }
  }

  async transferAllLeadership(timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    // A group of one has nobody to give it to.
    const isToGive = (group: Group): boolean => group.role === "leader" && group.followers().length > 0;
    const led = (): Group[] => [...this.#groups.values()].filter(isToGive);
    for (let groups = led(); groups.length > 0 && clock.monotonicMs() < deadlineMs && !this.#isEnded; groups = led()) {
      this.#giveAway();
      await clock.sleep(20);
    }
  }

  /** Leaderships, to whoever of the voters has most of the log. */
  #giveAway(isToGo: (group: Group) => boolean = () => true): void {
    for (const group of this.#groups.values()) {
      if (group.role !== "leader" || !isToGo(group)) continue;
      const { membership } = group;
      const heirs = group.followers().filter(({ nodeId }) => isVoter(membership, nodeId) && this.isConnected(nodeId));
      const heir = heirs.toSorted((a, b) => b.matchIndex - a.matchIndex)[0];
      if (heir !== undefined) group.transferLeadership(heir.nodeId);
    }
  }

  stats(): RaftHostStats {
    let leaders = 0;
    for (const group of this.#groups.values()) if (group.role === "leader") leaders++;
    return {
      groups: this.#groups.size,
      activeGroups: this.#active.size,
      leaders,
      electionsWon: this.#electionsWon,
      entriesRepaired: this.#repair.repairedCount,
    };
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#end();
    const cause = error instanceof Error ? error : new Error(errorMessage(error));
    if (error instanceof DiskFull) this.#options.logger.error("the disk filled up between two checks");
    this.#options.onFatal(cause);
  }

  #end(): void {
    this.#isEnded = true;
    this.#repair.close();
    this.#tickTimer?.cancel();
    for (const group of this.#groups.values()) group.close();
  }

  async close(): Promise<void> {
    if (!this.#isEnded) {
      for (const group of this.#groups.values()) if (group.isOpen) group.saveCheckpoint();
      this.#end();
    }
    await this.#options.transport.close();
  }
}
