import { type Entry, isJoint, isVoter, type Membership } from "@millrace/raft";
import type { GroupHandle, RaftHost, StateMachine } from "@millrace/multiraft";
import { ClusterClock, KIB, type Logger, type Timer, type World } from "@millrace/util";
import { decodeCommandEntry, encodeCommandEntry } from "./command.ts";
import { AFTER_COMMAND } from "./command-failpoints.ts";
import { ConsumerSeconds } from "./consumer-seconds.ts";
import { decide } from "./decisions/decide.ts";
import { MAY_PASS } from "./decisions/decision.ts";
import { newestIncarnations } from "./decisions/placement.ts";
import { CommandInterrupted, MalformedCommand, NotControllerLeader, NotYet } from "./errors.ts";
import { idInUse } from "./id-in-use.ts";
import { Liveness } from "./liveness.ts";
import { Admissions } from "./membership/admissions.ts";
import { controllerOf, voterOf } from "./membership/member-id.ts";
import { type CommandReport, PendingCommands } from "./pending-commands.ts";
import type {
  BackupResult,
  BrokerHeartbeat__Output,
  ClusterStatus,
  Command,
  Command__Output,
  CommandResult__Output,
  HeartbeatResult,
  LeasesRequest__Output,
  LeasesResult,
  NodeStatus,
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
const TUNING: ControllerTuning = { checkpointEveryEntries: 500, logEntriesMax: 4_000 };
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

/** What a simulation makes small, so that a short life sees what takes days. */
export interface ControllerTuning {
  /** Applied entries between two checkpoints of the state. */
  readonly checkpointEveryEntries: number;
  /** Then the state takes the log's place. Who lacks the last of it is sent the state, which is small. */
  readonly logEntriesMax: number;
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
  /** Its disk is one of those that the group began with; else it listens until the others have made it a member (ADR 0008). */
  readonly isFounder: boolean;
  readonly tuning?: Partial<ControllerTuning> | undefined;
}

const NOBODY: Membership = { voters: [], votersOutgoing: [], learners: [] };

/** One controller without its sockets: the replicated state, what follows it, and what the leader does about it. */
export class ControllerNode implements StateMachine {
  readonly #options: ControllerNodeOptions;
  readonly #tuning: ControllerTuning;
  readonly #group: GroupHandle;
  readonly #pending: PendingCommands;
  readonly #liveness = new Liveness();
  readonly #consumerSeconds = new ConsumerSeconds();
  readonly #wishes = new Set<string>();
  readonly #admissions: Admissions;
  readonly watchers: Watchers;
  #state = new ClusterState();
  #timer: Timer | undefined;
  #lastReconcileMs: number;
  /** Of what commands say when they were decided. */
  readonly #clock: ClusterClock;
  #isClosed = false;

  constructor(options: ControllerNodeOptions) {
    this.#options = options;
    this.#tuning = { ...TUNING, ...options.tuning };
    this.#pending = new PendingCommands(options.world.clock);
    this.#lastReconcileMs = options.world.clock.monotonicMs();
    this.#clock = new ClusterClock(options.world.clock);
    this.watchers = new Watchers(() => this.#state, options.world.failpoint);
    const { host, isFounder, controllerId } = options;
    const voters = [...options.peers.keys()].toSorted();
    this.#group = host.openGroup({
      groupId: CONTROLLER_GROUP_ID,
      membership: isFounder ? { ...NOBODY, voters } : NOBODY,
      stateMachine: this,
      preferredLeader: isFounder ? voters[0] : undefined,
      checkpointEveryEntries: this.#tuning.checkpointEveryEntries,
      // Streams are deleted by it, and retention shortened; and by the time that it knows, records expire.
      makesRoom: true,
    });
    this.#admissions = new Admissions(this.#group, host, options.logger);
    host.setPeers(new Map([...options.peers].filter(([id]) => id !== controllerId)));
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
    const { leaderId } = this.#group;
    return leaderId === undefined ? undefined : this.#options.peers.get(controllerOf(leaderId));
  }

  /** By a membership that stays: another disk may be lost now. */
  get isVoter(): boolean {
    const { membership, isMembershipCommitted } = this.#group;
    return isMembershipCommitted && !isJoint(membership) && isVoter(membership, this.#options.host.nodeId);
  }

  /** It has had a part in the group. */
  get isMember(): boolean {
    return this.#options.isFounder || this.#group.appliedIndex > 0;
  }

  askedToJoin(controllerId: string, memberId: string): void {
    this.#admissions.asked(controllerId, memberId, this.#options.world.clock.monotonicMs());
  }

  /** Why this replica does not serve yet; empty when it does. */
  get reasonsNotReady(): string[] {
    if (!this.#options.isFounder && !this.isVoter) return ["new disk, being filled by the other controllers"];
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

  /** Resolves when it is applied here. @throws NotControllerLeader, CommandInterrupted, NotYet, MalformedCommand */
  execute(command: Command): Promise<CommandResult__Output> {
    if (!this.#group.canPropose) throw new NotControllerLeader(this.leaderAddress);
    const commandId = this.#attemptOf(command.commandId ?? "");
    const known = this.#state.resultOf(commandId);
    if (known !== undefined) return Promise.resolve(known);
    const inFlight = this.#pending.outcomeOf(commandId);
    if (inFlight !== undefined) return inFlight;
    const { world } = this.#options;
    const isAlive = (nodeId: string): boolean => this.#liveness.isAlive(nodeId, world.clock.monotonicMs());
    const holder = idInUse(command, this.#state, isAlive);
    if (holder !== undefined) throw new NotYet(holder);
    if (this.#pending.count >= PENDING_MAX) throw new CommandInterrupted("too many commands at once");
    // The cluster's time, or what it was when it was known last.
    this.#clock.heard(this.#clusterNowMs, this.#clock.monotonicMs());
    const timeMs = this.#consumerSeconds.timeFor(command, this.#clock.nowMs());
    const entry = encodeCommandEntry(timeMs, { ...command, commandId });
    if (entry.length > COMMAND_SIZE_BYTES_MAX) {
      throw new MalformedCommand(`a command has at most ${COMMAND_SIZE_BYTES_MAX} bytes`);
    }
    const { failpoint } = world;
    failpoint?.("controller.before-propose");
    const proposal = this.#group.propose(entry);
    if (proposal === undefined) throw new NotControllerLeader(this.leaderAddress);
    failpoint?.("controller.after-propose");
    return this.#pending.add(commandId, proposal);
  }

  /**
   * The id that a command is decided under now: another one after each refusal that may have passed. The state machine remembers
   * every answer by its id, and replicas of the release before do as well, so it is the leader who gives a new one.
   */
  #attemptOf(commandId: string): string {
    for (let attempt = 1, id = commandId; ; attempt++, id = `${commandId}#${attempt}`) {
      const refusal = this.#state.resultOf(id)?.error;
      if (refusal === undefined || refusal === null || !MAY_PASS.has(refusal.code)) return id;
    }
  }

  /**
   * What it answers holds now: a broker throws away what is not wished for by the version that it is told. A leader that stood still
   * while another was elected does not know it yet.
   * @throws NotControllerLeader, NotLeader
   */
  async heartbeat(heartbeat: BrokerHeartbeat__Output, signal: AbortSignal): Promise<HeartbeatResult> {
    if (!this.#group.canPropose) throw new NotControllerLeader(this.leaderAddress);
    this.#excuseOwnPause();
    const { clock, failpoint } = this.#options.world;
    const { nodeId } = heartbeat;
    if (this.#state.brokers.has(nodeId)) {
      this.#liveness.heartbeat(heartbeat, clock.monotonicMs());
      failpoint?.("controller.after-heartbeat");
      this.#reconcile();
    }
    await this.#group.readBarrier(signal);
    return {
      registered: this.#state.brokers.has(nodeId),
      version: this.#state.version,
      clusterNowMs: this.#clusterNowMs,
      laggingReplicas: this.#liveness.laggingReplicasOf(nodeId, this.#state, clock.monotonicMs()),
    };
  }

  /** The cluster's; 0 while too few brokers are heard. */
  get #clusterNowMs(): number {
    // As many as there are to be, while some have not registered yet.
    const nodeIds = newestIncarnations(this.#state).map(({ nodeId }) => nodeId);
    const brokers = Math.max(nodeIds.length, this.#state.replicationFactor);
    return this.#liveness.clusterNowMs(nodeIds, brokers, this.#clock.monotonicMs());
  }

  async status(signal: AbortSignal): Promise<ClusterStatus> {
    if (!this.#group.canPropose) throw new NotControllerLeader(this.leaderAddress);
    await this.#group.readBarrier(signal);
    const { underReplicated, leaderless } = this.shardHealth();
    return {
      version: this.#state.version,
      clusterId: this.#state.cluster?.clusterId ?? "",
      nodes: [...this.#controllerStatus(), ...brokerStatus(this.#state, this.#liveness)],
      streams: this.#state.streams.size,
      underReplicatedShards: underReplicated,
      leaderlessShards: leaderless,
      streamFaults: [...this.#state.streams.values()].flatMap(({ key, faults }) => (faults ? [{ key, faults }] : [])),
    };
  }

  #controllerStatus(): NodeStatus[] {
    const applicantOf = (controllerId: string): string | undefined => this.#admissions.applicantOf(controllerId);
    return controllerStatus({ ...this.#options, membership: this.#group.membership, applicantOf });
  }

  async leases({ streamId, group }: LeasesRequest__Output, signal: AbortSignal): Promise<LeasesResult> {
    if (!this.#group.canPropose) throw new NotControllerLeader(this.leaderAddress);
    await this.#group.readBarrier(signal);
    const { groups } = this.#state;
    const leases = groups.leasesOf(streamId, group);
    return {
      exists: leases !== undefined,
      leases: [...(leases?.values() ?? [])],
      groups: groups.groupsOf(streamId),
    };
  }

  /** What every replica would have after everything that was acknowledged before. */
  async backup(signal: AbortSignal): Promise<BackupResult> {
    if (!this.#group.canPropose) throw new NotControllerLeader(this.leaderAddress);
    await this.#group.readBarrier(signal);
    const { version, cluster } = this.#state;
    return { version, clusterId: cluster?.clusterId ?? "", state: this.#state.encode() };
  }

  // ---- the state machine

  apply(entries: readonly Entry[]): void {
    const { failpoint } = this.#options.world;
    for (const { index, term, type, payload } of entries) {
      if (type !== "data") continue;
      const { nowMs, command } = decodeCommandEntry(payload);
      failpoint?.("controller.before-apply");
      this.#consumerSeconds.applying(this.#state, command, nowMs);
      const { result, changes } = decide(this.#state, command, nowMs);
      const applied = command.kind === undefined ? undefined : AFTER_COMMAND[command.kind];
      if (applied !== undefined && result.error === null) failpoint?.(applied);
      if (changes !== undefined) this.watchers.changed(changes);
      this.#note(command, result);
      this.#pending.settle(index, term, command.kind ?? "unknown", result);
      failpoint?.("controller.after-answer");
    }
    this.#keepLogShort();
  }

  #note({ kind }: Command__Output, { error, version }: CommandResult__Output): void {
    if (error !== null) this.#options.logger.info({ kind, code: error.code }, "command refused");
    else this.#options.logger.debug({ kind, version }, "command applied");
  }

  #keepLogShort(): void {
    if (this.#group.appliedIndex - this.#group.truncatedIndex < this.#tuning.logEntriesMax) return;
    // After this turn: the host is still counting what was applied.
    queueMicrotask(() => {
      if (!this.#isClosed) this.#group.truncatePrefix(this.#group.appliedIndex, this.checkpoint());
    });
  }

  checkpoint(): Buffer {
    this.#options.world.failpoint?.("controller.before-checkpoint");
    return this.#state.encode();
  }

  restore(state: Buffer): void {
    this.#state = ClusterState.decode(state);
    this.#options.world.failpoint?.("controller.after-restore");
    this.watchers?.reset();
  }

  leadershipGained(term: number): void {
    const { controllerId, logger, world } = this.#options;
    logger.info({ term }, "leading the controllers");
    this.#liveness.begin(world.clock.monotonicMs());
    world.failpoint?.("controller.before-lead");
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
      this.#stepMembership();
      this.#scheduleReconcile();
    });
  }

  #stepMembership(): void {
    const { world, peers } = this.#options;
    this.#admissions.step(world.clock.monotonicMs());
    const { membership } = this.#group;
    const [first] = [...peers.keys()].toSorted();
    if (first !== undefined && !isJoint(membership)) this.#group.preferLeader(voterOf(first, membership));
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
