import type { Entry } from "@millrace/raft";
import type { GroupHandle, RaftHost, StateMachine } from "@millrace/multiraft";
import { KIB, type Logger, type Timer, type World } from "@millrace/util";
import { decodeCommandEntry, encodeCommandEntry } from "./command.ts";
import { decide } from "./decisions/decide.ts";
import { CommandInterrupted, MalformedCommand, NotControllerLeader } from "./errors.ts";
import { Liveness } from "./liveness.ts";
import { type CommandReport, PendingCommands } from "./pending-commands.ts";
import type {
  BrokerHeartbeat__Output,
  ClusterStatus,
  Command,
  Command__Output,
  CommandResult__Output,
  HeartbeatResult,
} from "./protocol.ts";
import { RECONCILERS } from "./reconcilers/reconcilers.ts";
import { ClusterState } from "./state/cluster-state.ts";
import { brokerStatus, controllerStatus } from "./status.ts";
import { Watchers } from "./watchers.ts";

export const CONTROLLER_GROUP_ID = 1;
const PENDING_MAX = 1_000;
/** Tags, policies and names of the largest command are a tenth of it. */
const COMMAND_SIZE_BYTES_MAX = 256 * KIB;
const RECONCILE_EVERY_MS = 100;
/** A reconcile that comes so late was kept from running. */
const PAUSE_MS_MIN = 500;
const CHECKPOINT_EVERY_ENTRIES = 500;
/** Then the state takes the log's place. Who lacks the last of it is sent the state, which is small. */
const LOG_ENTRIES_MAX = 4_000;
const TOKEN_KEY_SIZE_BYTES = 32;

/** Of a cluster that begins; one that exists keeps its own. */
export interface InitialSettings {
  /** "aws" or "off". */
  readonly quotas: string;
  /** Copies of a shard, 3 when absent. */
  readonly replicationFactor?: number;
  /** A broker that is silent for so long is replaced; five minutes when absent. */
  readonly replaceBrokerAfterS?: number;
}

export interface ControllerNodeOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly controllerId: string;
  readonly az: string;
  readonly processId: number;
  /** Every controller's id and address. */
  readonly peers: ReadonlyMap<string, string>;
  readonly initialSettings: InitialSettings;
  readonly host: RaftHost;
}

/** One controller without its sockets: the replicated state, what follows it, and what the leader does about it. */
export class ControllerNode implements StateMachine {
  readonly #options: ControllerNodeOptions;
  readonly #group: GroupHandle;
  readonly #pending: PendingCommands;
  readonly #liveness = new Liveness();
  readonly #wishes = new Set<string>();
  readonly watchers: Watchers;
  #state = new ClusterState();
  #timer: Timer | undefined;
  #lastReconcileMs: number;
  #isClosed = false;

  constructor(options: ControllerNodeOptions) {
    this.#options = options;
    this.#pending = new PendingCommands(options.world.clock);
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

  /** For metrics; one listener. */
  onCommand(listener: (report: CommandReport) => void): void {
    this.#pending.onReport(listener);
  }

  shardHealth(): { underReplicated: number; leaderless: number } {
    return this.#liveness.shardHealth(this.#state, this.#options.world.clock.monotonicMs());
  }

  // ---- for the service

  /** Resolves when it is applied here. @throws NotControllerLeader, CommandInterrupted, MalformedCommand */
  execute(command: Command): Promise<CommandResult__Output> {
    if (!this.#group.canPropose) throw new NotControllerLeader(this.leaderAddress);
    const { commandId = "" } = command;
    const known = this.#state.resultOf(commandId);
    if (known !== undefined) return Promise.resolve(known);
    const inFlight = this.#pending.outcomeOf(commandId);
    if (inFlight !== undefined) return inFlight;
    if (this.#pending.count >= PENDING_MAX) throw new CommandInterrupted("too many commands at once");
    const { clock } = this.#options.world;
    const entry = encodeCommandEntry(clock.nowMs(), command);
    if (entry.length > COMMAND_SIZE_BYTES_MAX) {
      throw new MalformedCommand(`a command has at most ${COMMAND_SIZE_BYTES_MAX} bytes`);
    }
    const proposal = this.#group.propose(entry);
    if (proposal === undefined) throw new NotControllerLeader(this.leaderAddress);
    return this.#pending.add(commandId, proposal);
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
      nodes: [...controllerStatus(this.#options), ...brokerStatus(this.#state, this.#liveness)],
      streams: this.#state.streams.size,
      underReplicatedShards: underReplicated,
      leaderlessShards: leaderless,
      streamFaults: [...this.#state.streams.values()].flatMap(({ key, faults }) => (faults ? [{ key, faults }] : [])),
    };
  }

  // ---- the state machine

  apply(entries: readonly Entry[]): void {
    for (const { index, term, type, payload } of entries) {
      if (type !== "data") continue;
      const { nowMs, command } = decodeCommandEntry(payload);
      const { result, changes } = decide(this.#state, command, nowMs);
      if (changes !== undefined) this.watchers.changed(changes);
      this.#note(command, result);
      this.#pending.settle(index, term, command.kind ?? "unknown", result);
    }
    this.#keepLogShort();
  }

  #note({ kind }: Command__Output, { error, version }: CommandResult__Output): void {
    if (error !== null) this.#options.logger.info({ kind, code: error.code }, "command refused");
    else this.#options.logger.debug({ kind, version }, "command applied");
  }

  #keepLogShort(): void {
    if (this.#group.appliedIndex - this.#group.truncatedIndex < LOG_ENTRIES_MAX) return;
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
    const { quotas, replicationFactor = 0, replaceBrokerAfterS = 0 } = this.#options.initialSettings;
    const settings = { quotas, replicationFactor, replaceBrokerAfterS };
    this.#wish("initialize", { kind: "initializeCluster", initializeCluster: { clusterId, tokenKey, settings } });
    logger.info({ controllerId, clusterId }, "initialising the cluster");
  }

  leadershipLost(): void {
    this.#pending.interruptAll("this controller no longer leads");
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
