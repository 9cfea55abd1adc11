import { ClusterMetadata, type ControllerConnection, type MetadataChange, type Watch } from "@millrace/client";
import type { RaftHost } from "@millrace/multiraft";
import type { BrokerHeartbeat, MetadataUpdate__Output, Shard, Stream } from "@millrace/proto";
import type { LogStore } from "@millrace/storage";
import { ClusterClock, errorMessage, type Logger, SECOND_MS, type Timer, type World } from "@millrace/util";
import type { Identity } from "./identity.ts";
import { MetadataSaver } from "./metadata-saver.ts";
import { type BrokerTuning, TUNING } from "./tuning.ts";
import {
  driveMembership,
  driveRecovery,
  firstMembership,
  joinedUpTo,
  preferredLeader,
  replicasWithoutVote,
} from "./replica-moves.ts";
import { ByteBudget } from "./shard/byte-budget.ts";
import { ShardLog } from "./shard/shard-log.ts";

export interface BrokerNodeOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly dataDir: string;
  readonly identity: Identity;
  readonly nodeId: string;
  readonly store: LogStore;
  readonly host: RaftHost;
  readonly controllers: ControllerConnection;
  /** What was heard before the last stop. */
  readonly cachedMetadata: MetadataUpdate__Output | undefined;
  /** Says again who this broker is; the controller has forgotten it, or counts it as down. */
  readonly register: () => Promise<void>;
  readonly tuning?: Partial<BrokerTuning> | undefined;
}

const HEARTBEAT_EVERY_MS = 500;
const HEARTBEAT_TIMEOUT_MS = 2_000;
/** Less than it takes to move a replica, and then to lead again. */
const WISHES_GOOD_FOR_MS = 3_000;
const SKEW_S_MAX = 5;
const SHARD_GROUP_ID_MIN = 16;

/** A broker without its sockets: hosts the shards that the metadata gives it, and tells the controllers how they are. */
export class BrokerNode {
  readonly #options: BrokerNodeOptions;
  readonly #tuning: BrokerTuning;
  readonly metadata: ClusterMetadata;
  readonly #saver: MetadataSaver;
  readonly #shards = new Map<number, ShardLog>();
  readonly #deleting = new Set<number>();
  /** Children of reshards that are under way, by stream: hosted, and not part of the stream yet. */
  readonly #pendingChildren = new Map<number, readonly Shard[]>();
  /** Of all that records and their retention are timed by. */
  readonly #clock: ClusterClock;
  readonly budget: ByteBudget;
  readonly #watch: Watch;
  readonly #timers = new Set<Timer>();
  readonly #leaderChanges = new Set<number>();
  readonly #closeWatched = new Set<number>();
  #isHeartbeatDue = false;
  #isHeartbeatRunning = false;
  /** Something to tell came up while a heartbeat was on its way. */
  #isMissed = false;
  #isRegistered = false;
  /** As the controllers said last. */
  #laggingReplicas = 0;
  /** The newest version that the controllers' leader is known to have; undefined before it has answered this process. */
  #knownVersion: number | undefined;
  /** When it was asked for its last answer, monotonic. */
  #answeredAtMs = -Infinity;
  /** There are shards to host that are not here yet. */
  #hasWaiting = false;
  #isClosed = false;

  constructor(options: BrokerNodeOptions) {
    this.#options = options;
    this.#clock = new ClusterClock(options.world.clock);
    this.#tuning = { ...TUNING, ...options.tuning };
    this.budget = new ByteBudget(this.#tuning.inFlightBytesMax);
    this.metadata = new ClusterMetadata({ clock: options.world.clock });
    this.#saver = new MetadataSaver({ ...options, metadata: this.metadata });
    this.metadata.onChange((change) => this.#metadataChanged(change));
    if (options.cachedMetadata !== undefined) this.metadata.apply({ ...options.cachedMetadata, full: true });
    this.#watch = options.controllers.watch((update) => {
      if (this.#isOurs(update)) this.metadata.apply(update);
    });
    options.host.onLeaderChange((groupId) => {
      this.#leaderChanges.add(groupId);
      // Soon, not with the next beat: a new stream waits for its leaders to be known.
      this.#heartbeatSoon();
    });
    this.#every(HEARTBEAT_EVERY_MS, () => this.#heartbeat());
    this.#every(this.#tuning.retentionEveryMs, () => this.#expire());
  }

  shard(groupId: number): ShardLog | undefined {
    return this.#shards.get(groupId);
  }

  allShards(): Iterable<ShardLog> {
    return this.#shards.values();
  }

  get shardCount(): number {
    return this.#shards.size;
  }

  /** Why this broker does not serve yet; empty when it does. */
  get reasonsNotReady(): string[] {
    if (!this.#isRegistered) return ["the controllers have not answered yet"];
    let leaderless = 0;
    for (const shard of this.#shards.values()) if (shard.group.leaderId === undefined) leaderless++;
    const reasons = leaderless === 0 ? [] : [`${leaderless} shards have no leader that is known here`];
    if (this.#laggingReplicas > 0)
      reasons.push(`${this.#laggingReplicas} replicas here lack entries that are committed`);
    return reasons;
  }

  get problems(): string[] {
    const problems = [];
    if (!this.#options.store.canAppend()) problems.push("the disk is nearly full: puts are refused");
    const skewS = Math.round(this.#clock.skewMs / 1_000);
    if (Math.abs(skewS) > SKEW_S_MAX) {
      problems.push(
        `the clock is ${Math.abs(skewS)} s ${skewS > 0 ? "ahead of" : "behind"} the cluster's: see to its NTP`,
      );
    }
    return problems;
  }

  /** Controllers that begin anew where others were know nothing of what is here, and would have it thrown away. */
  #isOurs({ cluster }: MetadataUpdate__Output): boolean {
    const { identity, logger } = this.#options;
    if (cluster === null || cluster.clusterId === identity.clusterId) return true;
    logger.error({ theirs: cluster.clusterId, ours: identity.clusterId }, "these controllers are another cluster's");
    return false;
  }

  #every(periodMs: number, run: () => void): void {
    const { clock } = this.#options.world;
    const timer = clock.setTimer(periodMs, () => {
      this.#timers.delete(timer);
      if (this.#isClosed) return;
      run();
      this.#every(periodMs, run);
    });
    this.#timers.add(timer);
  }

  // ---- groups

  #metadataChanged(change: MetadataChange): void {
    const { host } = this.#options;
    if (change.brokersChanged) {
      host.setPeers(new Map(this.metadata.brokers.map((broker) => [broker.nodeId, broker.address])));
    }
    for (const streamId of change.removedStreamIds) this.#pendingChildren.delete(streamId);
    for (const { stream } of change.streams) {
      const children = stream.status === "DELETING" ? [] : (stream.reshard?.children ?? []);
      this.#pendingChildren.set(stream.streamId, children);
      if (children.length === 0) this.#pendingChildren.delete(stream.streamId);
      this.#hostShards(stream);
    }
    if (this.#isCurrent) this.#becomeCurrent();
    this.#closeParents();
    this.#saver.soon();
    this.#heartbeatSoon();
  }

  /**
   * Whether what is known here is no older than what the controllers' leader had decided when it last answered. Metadata from
   * before a restart is good enough to go on with a replica that is there, but not to make one, nor to throw one away: a decision
   * that is long overtaken could take a replica that has been put here again since.
   */
  get #isCurrent(): boolean {
    return this.#knownVersion !== undefined && this.metadata.version >= this.#knownVersion;
  }

  /**
   * What changes a group's members has to be decided by what holds now. Whoever was cut off from the controllers may have missed what
   * another leader carried out meanwhile: its wish of before would bring back a replica that is told to throw its log away.
   */
  get #isFresh(): boolean {
    return this.#isCurrent && this.#options.world.clock.monotonicMs() - this.#answeredAtMs <= WISHES_GOOD_FOR_MS;
  }

  /** Does what could not be done while the metadata was old. */
  #becomeCurrent(): void {
    if (this.#hasWaiting) {
      this.#hasWaiting = false;
      for (const { stream } of this.metadata.allStreams()) this.#hostShards(stream);
    }
    this.#dropUnwanted();
  }

  #hostShards({ streamId, status, shards, reshard }: Stream): void {
    const { nodeId } = this.#options;
    if (status === "DELETING") return;
    for (const shard of [...shards, ...(reshard?.children ?? [])]) {
      if (shard.forgotten.includes(nodeId)) continue;
      if (shard.replicas.includes(nodeId) || shard.joining === nodeId) this.#host(shard, streamId);
    }
  }

  #dropUnwanted(): void {
    for (const groupId of [...this.#shards.keys()]) if (!this.#isWanted(groupId)) this.#drop(groupId);
    this.#dropLeftovers();
  }

  /** By what was heard last; children that a reshard makes are not part of their stream yet. */
  #placed(groupId: number): Shard | undefined {
    const view = this.metadata.shardByGroup(groupId);
    if (view !== undefined) return view.stream.stream.status === "DELETING" ? undefined : view.shard;
    for (const children of this.#pendingChildren.values()) {
      const child = children.find((each) => each.groupId === groupId);
      if (child !== undefined) return child;
    }
    return undefined;
  }

  /** While a replica moves nobody throws anything away: who left, and who was to join, may count as a member still. */
  #isWanted(groupId: number): boolean {
    const { nodeId } = this.#options;
    const shard = this.#placed(groupId);
    if (shard?.forgotten.includes(nodeId) === true) return false;
    if (shard !== undefined && (shard.joining !== "" || shard.replicas.includes(nodeId))) return true;
    if (groupId > (this.metadata.identity?.restoredGroupIdMax ?? 0)) return false;
    // The metadata is a copy that may be older than this replica: only what it says in so many words counts.
    const isDeleted = this.metadata.shardByGroup(groupId)?.stream.stream.status === "DELETING";
    return !isDeleted && shard?.left.includes(nodeId) !== true;
  }

  /** Shards that are to go on from this broker's replica alone. Never by old metadata. */
  #recoverShards(): void {
    if (!this.#isFresh) return;
    for (const [groupId, { group }] of this.#shards) {
      const placed = this.#placed(groupId);
      if (placed === undefined || placed.forgotten.length === 0) continue;
      const { commitIndex, lastIndex } = group;
      if (!driveRecovery(group, placed, this.#options.nodeId)) continue;
      const { forgotten } = placed;
      this.#options.logger.warn(
        { groupId, forgotten, commitIndex, lastIndex, term: group.term },
        "UNSAFE RECOVERY: this shard goes on from this replica alone; what only the others had is lost",
      );
    }
  }

  /** The groups led here whose replicas move, and are where they are wished. */
  #movedGroups(): number[] {
    const { nodeId, world } = this.#options;
    const { failpoint } = world;
    const moved: number[] = [];
    if (!this.#isFresh) return moved;
    for (const [groupId, { group, isLeading }] of this.#shards) {
      const placed = isLeading ? this.#placed(groupId) : undefined;
      if (placed === undefined) continue;
      const isConnected = (peer: string): boolean => this.#options.host.isConnected(peer);
      const isRestored = groupId <= (this.metadata.identity?.restoredGroupIdMax ?? 0);
      const isMoved = driveMembership(group, placed, { nodeId, isConnected, isRestored, failpoint });
      if (isMoved && placed.joining !== "") moved.push(groupId);
    }
    return moved;
  }

  /** Shards that a reshard wants closed now, of those that are led here. */
  *#closing(): Generator<ShardLog> {
    for (const streamId of this.#pendingChildren.keys()) {
      const view = this.metadata.streamById(streamId);
      const reshard = view?.stream.reshard;
      if (view === undefined || reshard === null || reshard?.closeRequested !== true) continue;
      for (const number of reshard.parents) {
        const groupId = view.shardByNumber(number)?.groupId;
        const shard = groupId === undefined ? undefined : this.#shards.get(groupId);
        if (shard?.isLeading === true) yield shard;
      }
    }
  }

  #closeParents(): void {
    for (const shard of this.#closing()) {
      if (shard.position.closed) continue;
      this.#options.world.failpoint?.("broker.before-close-parent");
      shard.close();
      if (this.#closeWatched.has(shard.groupId)) continue;
      this.#closeWatched.add(shard.groupId);
      const stopListening = shard.onCommit(() => {
        if (!shard.position.closed) return;
        this.#options.world.failpoint?.("broker.after-close-parent");
        stopListening();
        this.#closeWatched.delete(shard.groupId);
        this.#heartbeatSoon();
      });
    }
  }

  /** A shard has no time before its reshard is complete; it is newer than all that its stream has. */
  #createdAtMs(groupId: number, streamId: number): number {
    const stream = this.metadata.streamById(streamId)?.stream;
    if (stream === undefined) return 0;
    const placed = this.metadata.shardByGroup(groupId);
    const shards = placed === undefined ? stream.shards : [placed.shard];
    return shards.reduce((newest, { createdAtS }) => Math.max(newest, createdAtS * SECOND_MS), stream.createdAtMs);
  }

  #host(placed: Shard, streamId: number): void {
    const { groupId } = placed;
    this.#shards.get(groupId)?.group.preferLeader(preferredLeader(placed));
    this.#shards.get(groupId)?.group.joined(joinedUpTo(placed, this.#options.nodeId));
    if (this.#shards.has(groupId) || this.#deleting.has(groupId) || this.#isClosed) return;
    const { store, host, world } = this.#options;
    const { failpoint } = world;
    if (!this.#isCurrent && store.summary(groupId) === undefined) {
      this.#hasWaiting = true;
      return;
    }
    const shard = new ShardLog({
      ...{ groupId, store, failpoint },
      clock: this.#clock,
      createdAtMs: () => this.#createdAtMs(groupId, streamId),
      budget: this.budget,
    });
    this.#shards.set(groupId, shard);
    failpoint?.("broker.before-open-shard");
    const group = host.openGroup({
      groupId,
      membership: firstMembership(placed),
      termMin: placed.termMin,
      joinId: placed.joining === this.#options.nodeId ? placed.joinId : 0,
      stateMachine: shard,
      preferredLeader: preferredLeader(placed),
      checkpointEveryEntries: this.#tuning.checkpointEveryEntries,
    });
    group.joined(joinedUpTo(placed, this.#options.nodeId));
    shard.attach(group);
    failpoint?.("broker.after-open-shard");
  }

  #drop(groupId: number): void {
    if (this.#deleting.has(groupId)) return;
    if (!this.#shards.delete(groupId)) return;
    this.#delete(groupId);
  }

  #delete(groupId: number): void {
    this.#deleting.add(groupId);
    const { failpoint } = this.#options.world;
    failpoint?.("broker.before-drop-shard");
    this.#options.host.deleteGroup(groupId).then(
      () => {
        this.#deleting.delete(groupId);
        failpoint?.("broker.after-drop-shard");
        this.#heartbeatSoon();
      },
      // The store has failed, and with it the node: it says so itself.
      (error: unknown) => this.#options.logger.error({ groupId, error: errorMessage(error) }, "a group stays on disk"),
    );
  }

  /** Groups on the disk of streams that were deleted while this broker was away. Only what is surely old. */
  #dropLeftovers(): void {
    for (const { groupId } of [...this.#options.store.groups()]) {
      const isOld = groupId >= SHARD_GROUP_ID_MIN && groupId <= this.metadata.groupIdMax;
      if (!isOld || this.#shards.has(groupId) || this.#deleting.has(groupId)) continue;
      if (!this.#isWanted(groupId)) this.#delete(groupId);
    }
  }

  // ---- what the controllers are told

  #heartbeatSoon(): void {
    if (this.#isHeartbeatDue || this.#isClosed) return;
    this.#isHeartbeatDue = true;
    const timer = this.#options.world.clock.setTimer(1, () => {
      this.#timers.delete(timer);
      this.#isHeartbeatDue = false;
      this.#heartbeat();
    });
    this.#timers.add(timer);
  }

  #heartbeat(): void {
    if (this.#isHeartbeatRunning) {
      this.#isMissed = true;
      return;
    }
    this.#isHeartbeatRunning = true;
    this.#leaderChanges.clear();
    this.#closeParents();
    this.#recoverShards();
    this.#sendHeartbeat()
      .catch((error: unknown) => {
        this.#options.logger.debug({ error: errorMessage(error) }, "no controller heard the heartbeat");
      })
      .finally(() => {
        this.#isHeartbeatRunning = false;
        if (this.#leaderChanges.size > 0 || this.#isMissed) this.#heartbeatSoon();
        this.#isMissed = false;
      });
  }

  async #sendHeartbeat(): Promise<void> {
    const { controllers, register, world } = this.#options;
    const askedAtMs = this.#clock.monotonicMs();
    world.failpoint?.("broker.before-heartbeat");
    const heard = await controllers.heartbeat(this.#report(), { timeoutMs: HEARTBEAT_TIMEOUT_MS });
    if (this.#isClosed) return;
    world.failpoint?.("broker.after-heartbeat");
    const { registered, version, clusterNowMs, laggingReplicas } = heard;
    this.#clock.heard(clusterNowMs, askedAtMs);
    this.#laggingReplicas = laggingReplicas;
    const wasCurrent = this.#isCurrent;
    this.#knownVersion = Math.max(this.#knownVersion ?? 0, version);
    this.#answeredAtMs = askedAtMs;
    if (!wasCurrent && this.#isCurrent) {
      this.#becomeCurrent();
      this.#heartbeatSoon();
    }
    if (registered) this.#isRegistered = true;
    else if (!this.#isClosed) await register();
  }

  #report(): BrokerHeartbeat {
    const { nodeId, store } = this.#options;
    const ledGroups = [];
    for (const [groupId, shard] of this.#shards) {
      if (!shard.isLeading) continue;
      const laggingNodes = shard.group
        .followers()
        .filter((follower) => this.#isLagging(shard, follower.nodeId, follower.matchIndex))
        .map((follower) => follower.nodeId);
      const placed = this.metadata.shardByGroup(groupId)?.shard;
      const notVoting = placed === undefined ? [] : replicasWithoutVote(shard.group, placed, nodeId);
      ledGroups.push({ groupId, term: shard.group.term, laggingNodes: [...new Set([...laggingNodes, ...notVoting])] });
    }
    return {
      nodeId,
      ledGroups,
      loads: this.#loads(),
      metadataVersion: this.metadata.version,
      hostedGroups: this.#shards.size,
      deletedGroups: this.#droppedGroups(),
      freeBytes: store.stats().freeBytes,
      problems: this.problems,
      movedGroups: this.#movedGroups(),
      nowMs: this.#options.world.clock.nowMs(),
      closedGroups: [...this.#closing()].filter((shard) => shard.position.closed).map((shard) => shard.groupId),
    };
  }

  /** Of on-demand streams. */
  #loads(): NonNullable<BrokerHeartbeat["loads"]> {
    const nowMs = this.#options.world.clock.monotonicMs();
    const loads = [];
    for (const [groupId, shard] of this.#shards) {
      if (!shard.isLeading || this.metadata.shardByGroup(groupId)?.stream.stream.mode !== "ON_DEMAND") continue;
      const { bytesPerSecond, recordsPerSecond } = shard.writes.rate(nowMs);
      loads.push({ groupId, writeBytesPerSecond: bytesPerSecond, writeRecordsPerSecond: recordsPerSecond });
    }
    return loads;
  }

  /** It lacks what is committed, or is not there. Under load everybody lacks the last moments. */
  #isLagging({ group }: ShardLog, nodeId: string, matchIndex: number): boolean {
    return !this.#options.host.isConnected(nodeId) || matchIndex + LAG_ENTRIES_MAX < group.commitIndex;
  }

  /** Of the streams that are being deleted and of the shards that this broker left, what is gone here. */
  #droppedGroups(): number[] {
    const gone: number[] = [];
    if (!this.#isCurrent) return gone;
    const { nodeId, store } = this.#options;
    for (const { stream } of this.metadata.allStreams()) {
      for (const { groupId, left, forgotten } of [...stream.shards, ...(stream.reshard?.children ?? [])]) {
        if (stream.status !== "DELETING" && ![...left, ...forgotten].includes(nodeId)) continue;
        const isHere = this.#shards.has(groupId) || this.#deleting.has(groupId) || store.summary(groupId) !== undefined;
        if (!isHere) gone.push(groupId);
      }
    }
    return gone;
  }

  /** Not before the cluster has said what time it is, nor by a retention that may have been longer since: what is deleted is lost. */
  #expire(): void {
    if (!this.#clock.isConfirmed || !this.#isCurrent) return;
    const nowMs = this.#clock.nowMs();
    for (const [groupId, shard] of this.#shards) {
      const view = this.metadata.shardByGroup(groupId);
      if (view !== undefined && shard.isLeading)
        shard.expire(nowMs - view.stream.stream.retentionHours * this.#tuning.hourMs);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watch.close();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    await this.#saver.close();
  }
}

const LAG_ENTRIES_MAX = 1_000;
