import type { Entry } from "@millrace/raft";
import type { GroupHandle, RaftHost, StateMachine } from "@millrace/multiraft";
import { type Logger, MillraceError, type Timer, type World } from "@millrace/util";
import { decodeCommandEntry, encodeCommandEntry } from "./command.ts";
import { decide } from "./decisions/decide.ts";
import { Liveness } from "./liveness.ts";
import type {
  BrokerHeartbeat__Output,
  ClusterStatus,
  Command,
  Command__Output,
  CommandResult__Output,
  HeartbeatResult,
  NodeStatus,
} from "./protocol.ts";
import { RECONCILERS } from "./reconcilers/reconcilers.ts";
import { ClusterState } from "./state/cluster-state.ts";
import { Watchers } from "./watchers.ts";

export const CONTROLLER_GROUP_ID = 1;
const PENDING_MAX = 1_000;
const RECONCILE_EVERY_MS = 100;
/** A reconcile that comes so late was kept from running. */
const PAUSE_MS_MIN = 500;
const CHECKPOINT_EVERY_ENTRIES = 500;
/** The controller's log is kept this long behind its newest checkpoint. */
const LOG_ENTRIES_KEPT = 2_000;
const TOKEN_KEY_SIZE_BYTES = 32;

export interface ControllerNodeOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly controllerId: string;
  readonly az: string;
  readonly processId: number;
  /** Every controller's id and address. */
  readonly peers: ReadonlyMap<string, string>;
  readonly initialSettings: { readonly quotas: string };
  readonly host: RaftHost;
}

/** This replica does not lead. `leaderAddress` is where to go, when that is known. */
export class NotControllerLeader extends MillraceError {
  readonly code = "NOT_CONTROLLER_LEADER";
  readonly leaderAddress: string | undefined;

  constructor(leaderAddress: string | undefined) {
    super(`not the leading controller; ${leaderAddress ?? "nobody that is known"} is`);
    this.leaderAddress = leaderAddress;
  }
}

/** The outcome is not known: repeat the command with the same id. */
export class CommandInterrupted extends MillraceError {
  readonly code = "COMMAND_INTERRUPTED";

  constructor(reason: string) {
    super(`the outcome is not known (${reason}); repeat the command with the same id`);
  }
}

interface Pending {
  readonly term: number;
  resolve(result: CommandResult__Output): void;
  reject(error: Error): void;
}

/** One controller without its sockets: the replicated state, what follows it, and what the leader does about it. */
export class ControllerNode implements StateMachine {
  readonly #options: ControllerNodeOptions;
  readonly #group: GroupHandle;
  readonly #pending = new Map<number, Pending>();
  readonly #liveness = new Liveness();
  readonly #wishes = new Set<string>();
  readonly watchers: Watchers;
  #state = new ClusterState();
  #timer: Timer | undefined;
  #lastReconcileMs: number;
  #isClosed = false;

  constructor(options: ControllerNodeOptions) {
    this.#options = options;
    this.#lastReconcileMs = options.world.clock.monotonicMs();
    this.watchers = new Watchers(() => this.#state);
    const voters = [...options.peers.keys()].toSorted();
    this.#group = options.host.openGroup({
      groupId: CONTROLLER_GROUP_ID,
      membership: { voters, votersOutgoing: [], learners: [] },
      stateMachine: this,
      preferredLeader: voters[0],
      checkpointEveryEntries: CHECKPOINT_EVERY_ENTRIES,
    });
    options.host.setPeers(options.peers);
    this.#scheduleReconcile();
  }

  get state(): ClusterState {
    return this.#state;
  }

  get isLeader(): boolean {
    return this.#group.canPropose;
  }

  get term(): number {
    return this.#group.term;
  }

  get leaderAddress(): string | undefined {
    return this.#group.leaderId === undefined ? undefined : this.#options.peers.get(this.#group.leaderId);
  }

  /** Why this replica does not serve yet; empty when it does. */
  get reasonsNotReady(): string[] {
    if (this.#group.leaderId === undefined) return ["the controllers have no leader"];
    if (this.#state.cluster === undefined) return ["the cluster is not initialised yet"];
    return [];
  }

  shardHealth(): { underReplicated: number; leaderless: number } {
    return this.#liveness.shardHealth(this.#state, this.#options.world.clock.monotonicMs());
  }

  // ---- for the service

  /** @throws NotControllerLeader, CommandInterrupted */
  execute(command: Command): Promise<CommandResult__Output> {
    if (!this.#group.canPropose) throw new NotControllerLeader(this.leaderAddress);
    const known = this.#state.resultOf(command.commandId ?? "");
    if (known !== undefined) return Promise.resolve(known);
    if (this.#pending.size >= PENDING_MAX) throw new CommandInterrupted("too many commands at once");
    const proposal = this.#group.propose(encodeCommandEntry(this.#options.world.clock.nowMs(), command));
    if (proposal === undefined) throw new NotControllerLeader(this.leaderAddress);
    return new Promise((resolve, reject) => {
      this.#pending.set(proposal.index, { term: proposal.term, resolve, reject });
    });
  }

  heartbeat(heartbeat: BrokerHeartbeat__Output): HeartbeatResult {
    if (!this.#group.canPropose) throw new NotControllerLeader(this.leaderAddress);
    this.#excuseOwnPause();
    const registered = this.#state.brokers.has(heartbeat.nodeId);
    if (registered) {
      this.#liveness.heartbeat(heartbeat, this.#options.world.clock.monotonicMs());
      this.#reconcile();
    }
    return { registered, version: this.#state.version };
  }

  async status(signal: AbortSignal): Promise<ClusterStatus> {
    if (!this.#group.canPropose) throw new NotControllerLeader(this.leaderAddress);
    await this.#group.readBarrier(signal);
    const { underReplicated, leaderless } = this.shardHealth();
    return {
      version: this.#state.version,
      clusterId: this.#state.cluster?.clusterId ?? "",
      nodes: [...this.#controllerStatus(), ...this.#brokerStatus()],
      streams: this.#state.streams.size,
      underReplicatedShards: underReplicated,
      leaderlessShards: leaderless,
    };
  }

  #controllerStatus(): NodeStatus[] {
    const { controllerId, peers, host, az, processId } = this.#options;
    return [...peers].map(([id, address]): NodeStatus => {
      const isSelf = id === controllerId;
      const state = isSelf ? "leader" : host.isConnected(id) ? "follower" : "down";
      const own = { az: isSelf ? az : "", processId: isSelf ? processId : 0 };
      return { id, role: "controller", ...own, address, state, leaders: 0, replicas: 0 };
    });
  }

  #brokerStatus(): NodeStatus[] {
    const replicas = new Map<string, number>();
    for (const { shards } of this.#state.streams.values()) {
      for (const shard of shards)
        for (const nodeId of shard.replicas) replicas.set(nodeId, (replicas.get(nodeId) ?? 0) + 1);
    }
    return [...this.#state.brokers.values()].map(({ brokerId, nodeId, az, processId, address, state }) => ({
      id: brokerId,
      role: "broker",
      az,
      processId,
      address,
      state: state.toLowerCase(),
      leaders: this.#liveness.ledBy(nodeId),
      replicas: replicas.get(nodeId) ?? 0,
    }));
  }

  // ---- the state machine

  apply(entries: readonly Entry[]): void {
    for (const { index, term, type, payload } of entries) {
      if (type !== "data") continue;
      const { nowMs, command } = decodeCommandEntry(payload);
      const { result, changes } = decide(this.#state, command, nowMs);
      if (changes !== undefined) this.watchers.changed(changes);
      this.#settle(index, term, result);
      this.#note(command, result);
    }
    this.#keepLogShort();
  }

  #settle(index: number, term: number, result: CommandResult__Output): void {
    const pending = this.#pending.get(index);
    if (pending === undefined) return;
    this.#pending.delete(index);
    if (pending.term === term) pending.resolve(result);
    else pending.reject(new CommandInterrupted("another leader's command took its place"));
  }

  #note({ kind }: Command__Output, { error, version }: CommandResult__Output): void {
    if (error !== null) this.#options.logger.info({ kind, code: error.code }, "command refused");
    else this.#options.logger.debug({ kind, version }, "command applied");
  }

  #keepLogShort(): void {
    const { appliedIndex, truncatedIndex } = this.#group ?? {};
    if (appliedIndex - truncatedIndex < 2 * LOG_ENTRIES_KEPT) return;
    // After this turn: the host is still counting what was applied.
    queueMicrotask(() => {
      if (!this.#isClosed) this.#group.truncatePrefix(this.#group.appliedIndex, this.checkpoint());
    });
  }

  checkpoint(): Buffer {
    return this.#state.encode();
  }

  restore(state: Buffer): void {
    this.#state = ClusterState.decode(state);
    this.watchers?.reset();
  }

  leadershipGained(term: number): void {
    const { controllerId, logger, world } = this.#options;
    logger.info({ term }, "leading the controllers");
    this.#liveness.begin(world.clock.monotonicMs());
    if (this.#state.cluster !== undefined) return;
    const clusterId = `millrace-${world.random.bytes(8).toString("hex")}`;
    const tokenKey = world.random.bytes(TOKEN_KEY_SIZE_BYTES);
    const settings = { quotas: this.#options.initialSettings.quotas };
    this.#wish("initialize", { kind: "initializeCluster", initializeCluster: { clusterId, tokenKey, settings } });
    logger.info({ controllerId, clusterId }, "initialising the cluster");
  }

  leadershipLost(): void {
    for (const [index, pending] of this.#pending) {
      this.#pending.delete(index);
      pending.reject(new CommandInterrupted("this controller no longer leads"));
    }
    this.#wishes.clear();
  }

  // ---- what the leader does about the state of the world

  #scheduleReconcile(): void {
    this.#timer = this.#options.world.clock.setTimer(RECONCILE_EVERY_MS, () => {
      if (this.#isClosed) return;
      this.#excuseOwnPause();
      this.#reconcile();
      this.#scheduleReconcile();
    });
  }

  /** A process that was stopped, or starved, wakes up to brokers that seem to have been silent. */
  #excuseOwnPause(): void {
    const nowMs = this.#options.world.clock.monotonicMs();
    const sinceMs = nowMs - this.#lastReconcileMs;
    this.#lastReconcileMs = nowMs;
    if (sinceMs > PAUSE_MS_MIN) this.#liveness.stoodStill(sinceMs - RECONCILE_EVERY_MS);
  }

  #reconcile(): void {
    if (!this.#group.canPropose) return;
    const world = {
      state: this.#state,
      liveness: this.#liveness,
      nowMs: this.#options.world.clock.monotonicMs(),
    };
    for (const reconciler of RECONCILERS) {
      for (const { key, command } of reconciler(world)) this.#wish(key, command);
    }
  }

  #wish(key: string, command: Omit<Command, "commandId">): void {
    if (this.#wishes.has(key) || this.#wishes.size >= PENDING_MAX / 2) return;
    const commandId = this.#options.world.random.bytes(16).toString("hex");
    this.#wishes.add(key);
    const settled = (): void => void this.#wishes.delete(key);
    try {
      // Interrupted or refused: the next round wishes again if there is still reason to.
      this.execute({ ...command, commandId }).then(settled, settled);
    } catch {
      settled();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }
}
