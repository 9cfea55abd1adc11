import { ClusterMetadata, type ControllerConnection, type MetadataChange, type Watch } from "@millrace/client";
import type { RaftHost } from "@millrace/multiraft";
import type { BrokerHeartbeat, MetadataUpdate, MetadataUpdate__Output, Shard, Stream } from "@millrace/proto";
import type { LogStore } from "@millrace/storage";
import { errorMessage, HOUR_MS, type Logger, MIB, type Timer, type World } from "@millrace/util";
import { type Identity, saveMetadata } from "./identity.ts";
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
    const { host, nodeId } = this.#options;
    if (change.brokersChanged) {
      host.setPeers(new Map(this.metadata.brokers.map((broker) => [broker.nodeId, broker.address])));
    }
    for (const streamId of change.removedStreamIds) this.#pendingChildren.delete(streamId);
    for (const { stream } of change.streams) {
      const children = stream.reshard?.children ?? [];
      this.#pendingChildren.set(stream.streamId, children);
      if (children.length === 0) this.#pendingChildren.delete(stream.streamId);
      for (const shard of [...stream.shards, ...children]) {
        if (stream.status === "DELETING") this.#drop(shard.groupId);
        else if (shard.replicas.includes(nodeId)) this.#host(shard);
      }
    }
    for (const groupId of [...this.#shards.keys()]) if (!this.#isWanted(groupId)) this.#drop(groupId);
    this.#closeParents();
    this.#dropLeftovers();
    this.#saveMetadataSoon();
    this.#heartbeatSoon();
  }

  #isWanted(groupId: number): boolean {
    if (this.metadata.shardByGroup(groupId) !== undefined) return true;
    for (const children of this.#pendingChildren.values()) {
      if (children.some((child) => child.groupId === groupId)) return true;
    }
    return false;
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

  #host({ groupId, replicas }: Shard): void {
    if (this.#shards.has(groupId) || this.#deleting.has(groupId) || this.#isClosed) return;
    const { store, host, world } = this.#options;
    const shard = new ShardLog({ groupId, store, clock: world.clock, budget: this.budget });
    this.#shards.set(groupId, shard);
    const group = host.openGroup({
      groupId,
      membership: { voters: [...replicas].toSorted(), votersOutgoing: [], learners: [] },
      stateMachine: shard,
      preferredLeader: replicas[0],
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
    const { registered } = await controllers.heartbeat(this.#report(), { timeoutMs: HEARTBEAT_TIMEOUT_MS });
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
      metadataVersion: this.metadata.version,
      hostedGroups: this.#shards.size,
      deletedGroups: this.#droppedGroups(),
      freeBytes: store.stats().freeBytes,
      problems: this.problems,
      closedGroups: [...this.#closing()].filter((shard) => shard.position.closed).map((shard) => shard.groupId),
    };
  }

  /** It lacks what is committed, or is not there. Under load everybody lacks the last moments. */
  #isLagging({ group }: ShardLog, nodeId: string, matchIndex: number): boolean {
    return !this.#options.host.isConnected(nodeId) || matchIndex + LAG_ENTRIES_MAX < group.commitIndex;
  }

  /** Of the streams that are being deleted, what is gone here. */
  #droppedGroups(): number[] {
    const gone: number[] = [];
    for (const { stream } of this.metadata.allStreams()) {
      if (stream.status !== "DELETING") continue;
      for (const { groupId } of [...stream.shards, ...(stream.reshard?.children ?? [])]) {
        if (!this.#shards.has(groupId) && !this.#deleting.has(groupId)) gone.push(groupId);
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
