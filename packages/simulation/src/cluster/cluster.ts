import type { BrokerTuning } from "@millrace/broker";
import type { ControllerNode, ControllerTuning } from "@millrace/controller";
import type { ReclaimOptions } from "@millrace/storage";
import { assert, defined, errorMessage, type FailpointName } from "@millrace/util";
import type { LogSink } from "../world/logger.ts";
import { type Death, Machine, type Process } from "../world/machine.ts";
import { Network } from "../world/network.ts";
import type { SeededRandom } from "../world/random.ts";
import { EventKind, type Owner, type Scheduler } from "../world/scheduler.ts";
import type { Observer } from "../checks/observer.ts";
import {
  bootBroker,
  bootController,
  bootGateway,
  type BrokerProcess,
  type ControllerProcess,
  type GatewayProcess,
  type NodeContext,
} from "./nodes.ts";

export type NodeRole = "controller" | "broker" | "gateway";

/** What the process of a node is made of, as far as it has come. */
export interface NodeState {
  controller?: ControllerProcess;
  broker?: BrokerProcess;
  gateway?: GatewayProcess;
}

export interface ClusterNode {
  readonly role: NodeRole;
  readonly machine: Machine;
  state: NodeState;
  /** It is not to run, for good. */
  isRemoved: boolean;
  /** Nobody starts it until a fault ends. */
  isHeldDown: boolean;
}

export interface ClusterOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly log: LogSink;
  readonly observer: Observer;
  readonly zones: readonly string[];
  readonly brokersPerZone: number;
  readonly gateways: number;
  readonly tuning: Partial<BrokerTuning>;
  readonly catchUpBytesPerSecond: number;
  readonly replaceBrokerAfterS: number;
  readonly reclaim: Partial<ReclaimOptions>;
  readonly controllerTuning: Partial<ControllerTuning>;
}

/** A supervisor starts again what has ended, after this. */
const RESTART_MIN_US = 50_000;
const RESTART_MAX_US = 800_000;

/** Machines, what runs on them, and the supervisor that starts it again. */
export class SimulatedCluster {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly nodes: ClusterNode[] = [];
  /** Where disks may be lost. */
  readonly lossyZone: string;
  readonly #options: ClusterOptions;
  readonly #random: SeededRandom;
  #machineCount = 0;
  #newestState: ControllerNode["state"] | undefined;
  /** Of controllers that died, when they last did. */
  readonly #lastStates = new Map<ClusterNode, ControllerNode["state"]>();
  /** A process passes a named place of its code, and may be killed there. */
  onFailpoint: (node: ClusterNode, name: FailpointName) => void = () => undefined;
  /** A human being sees to what gives up. */
  isLookedAfter = false;
  /** Of processes that ended themselves, by the reason's first words. */
  readonly exits = new Map<string, number>();

  constructor(options: ClusterOptions) {
    const { scheduler, random, zones, brokersPerZone, gateways } = options;
    this.#options = options;
    this.#random = random.fork("cluster");
    this.scheduler = scheduler;
    this.lossyZone = this.#random.pick(zones);
    this.network = new Network(scheduler, random.fork("network"));
    options.observer.isMember = (groupId, nodeId) => {
      const shard = this.#shard(groupId);
      return shard !== undefined && shard.status !== "DELETING" && shard.members.includes(nodeId);
    };
    options.observer.isShardGone = (groupId) => (this.#shard(groupId)?.status ?? "DELETING") === "DELETING";
    scheduler.onUncaught = (owner, error) => this.#uncaught(owner, error);
    zones.forEach((az, at) => this.#addNode("controller", `controller-${at + 1}`, az));
    for (let number = 1; number <= zones.length * brokersPerZone; number++) {
      this.#addNode("broker", `broker-${number}`, zones[(number - 1) % zones.length] as string);
    }
    for (let number = 1; number <= gateways; number++) {
      this.#addNode("gateway", `gateway-${number}`, zones[(number - 1) % zones.length] as string);
    }
  }

  of(role: NodeRole): ClusterNode[] {
    return this.nodes.filter((node) => node.role === role && !node.isRemoved);
  }

  /** Brokers that lead something. */
  get leaders(): ClusterNode[] {
    return this.of("broker").filter(({ state }) =>
      [...(state.broker?.node.allShards() ?? [])].some(({ group }) => group.role === "leader"),
    );
  }

  node(name: string): ClusterNode {
    return defined(
      this.nodes.find(({ machine }) => machine.name === name),
      `${name} is a node`,
    );
  }

  /** A machine that no fault reaches, for clients. */
  addClientMachine(name: string): Machine {
    return this.#addMachine(name, "outside");
  }

  addBroker(az: string): ClusterNode {
    const number = this.nodes.filter(({ role }) => role === "broker").length + 1;
    const node = this.#addNode("broker", `broker-${number}`, az);
    this.start(node);
    return node;
  }

  startAll(): void {
    for (const node of this.nodes) this.start(node, this.#random.between(0, 20_000));
  }

  start(node: ClusterNode, delayUs = 0): void {
    if (node.machine.process !== undefined || node.isRemoved) return;
    node.state = {};
    node.isHeldDown = false;
    const wasPowered = node.machine.isPowered;
    node.machine.start((process) => this.#main(node, process), delayUs);
    if (!wasPowered) this.network.powered(node.machine);
  }

  /** Everybody knows of everything that the controllers have decided, and each of these has a vote. */
  get isConverged(): boolean {
    if (!this.of("controller").every(({ state }) => state.controller?.node.isVoter === true)) return false;
    const versions = this.nodes
      .filter(({ isRemoved }) => !isRemoved)
      .map(({ state: { controller, broker, gateway } }) => {
        return controller?.node.state.version ?? broker?.node.metadata.version ?? gateway?.metadata.version;
      });
    return versions.every((version) => version !== undefined && version === versions[0]);
  }

  /** The newest decisions that any running controller knows of. */
  get newestState(): ControllerNode["state"] | undefined {
    let newest: ControllerNode["state"] | undefined;
    for (const { state } of this.nodes) {
      const known = state.controller?.node.state;
      if (known !== undefined && known.version >= (newest?.version ?? 0)) newest = known;
    }
    return newest;
  }

  /** All that any controller knows or knew: one that has just started does not know yet that the end of its log is decided. */
  get controllerStates(): ControllerNode["state"][] {
    const running = this.of("controller").flatMap(({ state }) => state.controller?.node.state ?? []);
    return [...running, ...this.#lastStates.values()];
  }

  /** Every shard has its replicas at brokers that are there, one of which leads, and nothing moves. */
  get isFullyReplicated(): boolean {
    const state = this.newestState;
    if (state === undefined) return false;
    const led = new Set<number>();
    for (const broker of this.of("broker")) {
      for (const { groupId, group } of broker.state.broker?.node.allShards() ?? []) {
        if (group.role === "leader") led.add(groupId);
      }
    }
    // One that is split or merged has its shards as well, and goes on only with their leaders.
    const shards = [...state.streams.values()].flatMap(({ status, shards: all }) =>
      status === "ACTIVE" || status === "UPDATING" ? all : [],
    );
    return shards.every(
      ({ groupId, replicas, joining }) =>
        joining === "" && replicas.every((nodeId) => state.brokers.get(nodeId)?.state === "UP") && led.has(groupId),
    );
  }

  /** For a timeline: what each broker thinks of each shard that it hosts. */
  *describeShards(): Generator<{ readonly node: string; readonly text: string }> {
    for (const { machine, state } of this.of("broker")) {
      for (const { groupId, group } of state.broker?.node.allShards() ?? []) {
        const { role, term, leaderId, lastIndex, commitIndex, membership } = group;
        const voters = `${membership.voters.join(" ")} / ${membership.votersOutgoing.join(" ")}`;
        const followers = group.followers().map((peer) => `${peer.nodeId} ${peer.state} ${peer.matchIndex}`);
        yield {
          node: machine.name,
          text: `group ${groupId}: ${role} in term ${term} under ${leaderId}, ${lastIndex} entries, ${commitIndex} committed; voters ${voters}, learners ${membership.learners.join(" ")}; followers ${followers.join(", ")}`,
        };
      }
    }
  }

  /** Of a broker that lost its disk for good, the machine goes on with another one. At most one zone's disks are replaced in a life. */
  replaceDisk(node: ClusterNode): void {
    this.kill(node);
    node.machine.replaceDisk();
  }

  /** The machine goes away, with its disk. */
  remove(node: ClusterNode): void {
    this.kill(node);
    node.isRemoved = true;
  }

  /** By the newest decision there ever was, whoever lives now. Undefined: there is no such shard. */
  /** Also what only controllers knew that are dead now: somebody may have been told. */
  #noteNewest(): void {
    const newest = this.newestState;
    if (newest !== undefined && newest.version >= (this.#newestState?.version ?? 0)) this.#newestState = newest;
  }

  #shard(groupId: number): { readonly status: string; readonly members: readonly string[] } | undefined {
    this.#noteNewest();
    for (const { status, shards, reshard } of this.#newestState?.streams.values() ?? []) {
      const found = [...shards, ...(reshard?.children ?? [])].find((shard) => shard.groupId === groupId);
      if (found !== undefined) return { status, members: [...found.replicas, found.joining] };
    }
    return undefined;
  }

  /** Its process ends now and is not started before somebody calls `start`. */
  kill(node: ClusterNode): void {
    node.isHeldDown = true;
    node.machine.kill();
  }

  cutPower(node: ClusterNode, unsyncedWrites: "lost" | "torn"): void {
    node.isHeldDown = true;
    node.machine.losePower(unsyncedWrites);
  }

  #addNode(role: NodeRole, name: string, az: string): ClusterNode {
    const machine = this.#addMachine(name, az);
    const node = { role, machine, state: {}, isRemoved: false, isHeldDown: false };
    this.nodes.push(node);
    machine.onFailpoint = (name) => this.onFailpoint(node, name);
    return node;
  }

  #addMachine(name: string, az: string): Machine {
    const { scheduler, random, log, observer } = this.#options;
    const machine = new Machine({
      name,
      az,
      number: ++this.#machineCount,
      scheduler,
      random: random.fork(`machine ${name}`),
      log,
      onDeath: (dead, process, death) => this.#died(dead, process, death),
      observer,
    });
    this.network.add(machine);
    return machine;
  }

  #main(node: ClusterNode, process: Process): void {
    const { observer, ...forNodes } = this.#options;
    const context: NodeContext = {
      network: this.network,
      process,
      ...forNodes,
      controllers: this.nodes.filter(({ role }) => role === "controller").map(({ machine }) => machine.name),
      makeHost: (options) => observer.watchHost(node, process, options),
      onFatal: (error) => this.#exit(process, error),
    };
    const failed = (error: unknown): void => {
      if (process.isAlive) this.#exit(process, error);
    };
    switch (node.role) {
      case "controller":
        bootController(context, (controller) => {
          if (process.isAlive) node.state = { controller };
        }).catch(failed);
        break;
      case "broker":
        bootBroker(context, (broker) => {
          if (process.isAlive) node.state = { broker };
        }).catch(failed);
        break;
      case "gateway":
        node.state = { gateway: bootGateway(context) };
        break;
    }
  }

  #exit(process: Process, error: unknown): void {
    if (!process.isAlive) return;
    process.logger.fatal({ error: errorMessage(error) }, "the process ends itself");
    process.exitReason = errorMessage(error);
    const kind = `${process.machine.name.split("-")[0]}: ${(error as Error).name} ${errorMessage(error).slice(0, 60)}`;
    this.exits.set(kind, (this.exits.get(kind) ?? 0) + 1);
    process.machine.kill("exited");
  }

  #died(machine: Machine, process: Process, death: Death): void {
    this.network.died(process);
    this.#options.observer.died(machine, process, death);
    const node = this.nodes.find((each) => each.machine === machine);
    if (node === undefined) return;
    if (node.state.controller !== undefined) {
      this.#noteNewest();
      this.#lastStates.set(node, node.state.controller.node.state);
    }
    node.state = {};
    if (death !== "exited" || node.isHeldDown) return;
    this.scheduler.schedule(this.#random.between(RESTART_MIN_US, RESTART_MAX_US), machine, EventKind.boot, () => {
      if (node.isHeldDown || machine.process !== undefined) return;
      if (this.isLookedAfter) machine.excuseDisk();
      this.start(node);
    });
  }

  /** A bug: nothing that a node meets may leave it as an exception. */
  #uncaught(owner: Owner, error: unknown): void {
    const isDead = !owner.isAlive;
    if (isDead) return;
    this.#options.observer.violation(`${owner.name}: uncaught ${(error as Error).stack ?? String(error)}`);
    const process = this.nodes.map(({ machine }) => machine.process).find((each) => each === owner);
    if (process !== undefined) this.#exit(process, error);
    else assert(false, `a client failed: ${(error as Error).stack}`);
  }
}
