import { ClusterMetadata, type ControllerConnection, type MetadataChange, type Watch } from "@millrace/client";
import type { RaftHost } from "@millrace/multiraft";
import type { BrokerHeartbeat, MetadataUpdate, MetadataUpdate__Output, Shard, Stream } from "@millrace/proto";
import type { LogStore } from "@millrace/storage";
import { errorMessage, HOUR_MS, type Logger, MIB, type Timer, type World } from "@millrace/util";
import { type Identity, saveMetadata } from "./identity.ts";
import { driveMembership, firstMembership, preferredLeader } from "./replica-moves.ts";
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
  readonly tuning?: BrokerTuning | undefined;
}

/** What a simulation makes small, so that a short life sees what takes days. */
export interface BrokerTuning {
  /** Applied entries between two checkpoints of a shard's state. */
  readonly checkpointEveryEntries: number;
  /** Of retention: how long an hour is. */
  readonly hourMs: number;
  readonly retentionEveryMs: number;
}

const HEARTBEAT_EVERY_MS = 500;
const HEARTBEAT_TIMEOUT_MS = 2_000;
const TUNING: BrokerTuning = { checkpointEveryEntries: 2_000, hourMs: HOUR_MS, retentionEveryMs: 10_000 };
const SAVE_METADATA_AFTER_MS = 500;
const IN_FLIGHT_BYTES_MAX = 256 * MIB;
const SHARD_GROUP_ID_MIN = 16;

/** A broker without its sockets: hosts the shards that the metadata gives it, and tells the controllers how they are. */
export class BrokerNode {
  readonly #options: BrokerNodeOptions;
  readonly #tuning: BrokerTuning;
  readonly metadata: ClusterMetadata;
  readonly #shards = new Map<number, ShardLog>();
  readonly #deleting = new Set<number>();
  /** Children of reshards that are under way, by stream: hosted, and not part of the stream yet. */
  readonly #pendingChildren = new Map<number, readonly Shard[]>();
  readonly budget = new ByteBudget(IN_FLIGHT_BYTES_MAX);
  readonly #watch: Watch;
  readonly #timers = new Set<Timer>();
  readonly #leaderChanges = new Set<number>();
  readonly #closeWatched = new Set<number>();
  #isSaving = false;
  #isHeartbeatDue = false;
  #isHeartbeatRunning = false;
  /** Something to tell came up while a heartbeat was on its way. */
  #isMissed = false;
  #isRegistered = false;
  /** The newest version that the controllers' leader is known to have; undefined before it has answered this process. */
  #knownVersion: number | undefined;
  /** There are shards to host that are not here yet. */
  #hasWaiting = false;
  #isClosed = false;

  constructor(options: BrokerNodeOptions) {
    this.#options = options;
    this.#tuning = options.tuning ?? TUNING;
    this.metadata = new ClusterMetadata({ clock: options.world.clock });
    this.metadata.onChange((change) => this.#metadataChanged(change));
    if (options.cachedMetadata !== undefined) this.metadata.apply({ ...options.cachedMetadata, full: true });
    this.#watch = options.controllers.watch((update) => {
      this.metadata.apply(update);
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
    return leaderless === 0 ? [] : [`${leaderless} shards have no leader that is known here`];
  }

  get problems(): string[] {
    return this.#options.store.canAppend() ? [] : ["the disk is nearly full: puts are refused"];
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
    this.#saveMetadataSoon();
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

  /** Does what could not be done while the metadata was old. */
  #becomeCurrent(): void {
    if (this.#hasWaiting) {
      this.#hasWaiting = false;
      for (const { stream } of this.metadata.allStreams()) this.#hostShards(stream);
    }
    this.#dropUnwanted();
  }

  #hostShards({ status, shards, reshard }: Stream): void {
    const { nodeId } = this.#options;
    if (status === "DELETING") return;
    for (const shard of [...shards, ...(reshard?.children ?? [])]) {
      if (shard.replicas.includes(nodeId) || shard.joining === nodeId) this.#host(shard);
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
    const shard = this.#placed(groupId);
    if (shard === undefined) return false;
    return shard.joining !== "" || shard.replicas.includes(this.#options.nodeId);
  }

  /** The groups led here whose replicas move, and are where they are wished. */
  #movedGroups(): number[] {
    const moved: number[] = [];
    for (const [groupId, { group, isLeading }] of this.#shards) {
      const placed = isLeading ? this.#placed(groupId) : undefined;
      if (placed === undefined) continue;
      const isConnected = (peer: string): boolean => this.#options.host.isConnected(peer);
      const isMoved = driveMembership(group, placed, this.#options.nodeId, isConnected);
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
      shard.close();
      if (this.#closeWatched.has(shard.groupId)) continue;
      this.#closeWatched.add(shard.groupId);
      const stopListening = shard.onCommit(() => {
        if (!shard.position.closed) return;
        stopListening();
        this.#closeWatched.delete(shard.groupId);
        this.#heartbeatSoon();
      });
    }
  }

  #host(placed: Shard): void {
    const { groupId } = placed;
    this.#shards.get(groupId)?.group.preferLeader(preferredLeader(placed));
    if (this.#shards.has(groupId) || this.#deleting.has(groupId) || this.#isClosed) return;
    const { store, host, world, nodeId } = this.#options;
    if (!this.#isCurrent && store.summary(groupId) === undefined) {
      this.#hasWaiting = true;
      return;
    }
    const shard = new ShardLog({ groupId, store, clock: world.clock, budget: this.budget });
    this.#shards.set(groupId, shard);
    const group = host.openGroup({
      groupId,
      membership: firstMembership(placed, nodeId),
      stateMachine: shard,
      preferredLeader: preferredLeader(placed),
      checkpointEveryEntries: this.#tuning.checkpointEveryEntries,
    });
    shard.attach(group);
  }

  #drop(groupId: number): void {
    if (this.#deleting.has(groupId)) return;
    if (!this.#shards.delete(groupId)) return;
    this.#delete(groupId);
  }

  #delete(groupId: number): void {
    this.#deleting.add(groupId);
    this.#options.host.deleteGroup(groupId).then(
      () => {
        this.#deleting.delete(groupId);
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

  #saveMetadataSoon(): void {
    if (this.#isSaving) return;
    this.#isSaving = true;
    const { world, dataDir, logger } = this.#options;
    const timer = world.clock.setTimer(SAVE_METADATA_AFTER_MS, () => {
      this.#timers.delete(timer);
      this.#isSaving = false;
      if (this.#isClosed) return;
      saveMetadata(world.disk, dataDir, this.#wholeMetadata()).catch((error: unknown) => {
        logger.warn(
          { error: errorMessage(error) },
          "metadata not saved: a restart without controllers would not serve",
        );
      });
    });
    this.#timers.add(timer);
  }

  #wholeMetadata(): MetadataUpdate {
    const { metadata } = this;
    return {
      version: metadata.version,
      full: true,
      streams: [...metadata.allStreams()].map(({ stream }): Stream => stream),
      brokers: [...metadata.brokers],
      brokersChanged: true,
      cluster: metadata.identity ?? null,
    };
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
    const { controllers, register } = this.#options;
    const heard = await controllers.heartbeat(this.#report(), { timeoutMs: HEARTBEAT_TIMEOUT_MS });
    if (this.#isClosed) return;
    const { registered, version } = heard;
    const wasCurrent = this.#isCurrent;
    this.#knownVersion = Math.max(this.#knownVersion ?? 0, version);
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
      ledGroups.push({ groupId, term: shard.group.term, laggingNodes });
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
      for (const { groupId, left } of [...stream.shards, ...(stream.reshard?.children ?? [])]) {
        if (stream.status !== "DELETING" && !left.includes(nodeId)) continue;
        const isHere = this.#shards.has(groupId) || this.#deleting.has(groupId) || store.summary(groupId) !== undefined;
        if (!isHere) gone.push(groupId);
      }
    }
    return gone;
  }

  #expire(): void {
    const nowMs = this.#options.world.clock.nowMs();
    for (const [groupId, shard] of this.#shards) {
      const view = this.metadata.shardByGroup(groupId);
      if (view !== undefined && shard.isLeading)
        shard.expire(nowMs - view.stream.stream.retentionHours * this.#tuning.hourMs);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#watch.close();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}

const LAG_ENTRIES_MAX = 1_000;
