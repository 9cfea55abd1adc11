import { type IncomingCall, isFromNode, type Acquaintance, type Introduction__Output } from "@millrace/proto";
import type { createRaftHost, GrpcPeerTransport } from "@millrace/multiraft";
import { status } from "@grpc/grpc-js";
import { errorMessage } from "@millrace/util";
import type { LogStore } from "@millrace/storage";
import { ControllerDisk } from "./membership/controller-disk.ts";
import { type AskPeer, Introductions } from "./membership/introductions.ts";
import { memberIdOf } from "./membership/member-id.ts";
import { CONTROLLER_GROUP_ID, ControllerNode, type ControllerNodeOptions } from "./node.ts";
import { restoredMark } from "./restore/controller-folder.ts";

type Host = ReturnType<typeof createRaftHost>;

export interface ControllerLaunchOptions extends Omit<ControllerNodeOptions, "host" | "isFounder"> {
  readonly dataDir: string;
  readonly store: LogStore;
  readonly ask: AskPeer;
  readonly makeTransport: (memberId: string, clusterId: string) => GrpcPeerTransport;
  readonly makeHost: typeof createRaftHost;
  /** Once, when the disk's part in the group is known: at once unless the folder is empty. */
  readonly launched: (node: ControllerNode, host: Host) => void;
  readonly onFatal: (error: Error) => void;
}

type Callback = (error: { code: number; details: string } | null, answer?: Acquaintance) => void;

/** A controller from its folder on: first it has to be known who it is. Answers its peers meanwhile, who may ask themselves the same. */
export class ControllerLaunch {
  readonly #options: ControllerLaunchOptions;
  readonly #disk: ControllerDisk;
  readonly #introductions: Introductions;
  #restoredFrom = "";
  #transport: GrpcPeerTransport | undefined;
  #host: Host | undefined;
  #node: ControllerNode | undefined;
  #isClosed = false;

  private constructor(options: ControllerLaunchOptions, disk: ControllerDisk) {
    this.#options = options;
    this.#disk = disk;
    const { controllerId, peers, ask, logger, world } = options;
    const random = world.random.fork("introductions");
    this.#introductions = new Introductions({ controllerId, peers, disk, ask, clock: world.clock, random, logger });
  }

  /** @throws Error when the data folder is another controller's */
  static async begin(options: ControllerLaunchOptions): Promise<ControllerLaunch> {
    const { world, controllerId, dataDir, store } = options;
    const disk = await ControllerDisk.open({
      disk: world.disk,
      random: world.random.fork("disk id"),
      directory: dataDir,
      controllerId,
      store,
      groupId: CONTROLLER_GROUP_ID,
    });
    const launch = new ControllerLaunch(options, disk);
    if (disk.stage !== "new") await launch.#start();
    else launch.#settle().catch((error: unknown) => options.onFatal(error as Error));
    return launch;
  }

  get node(): ControllerNode | undefined {
    return this.#node;
  }

  get reasonsNotReady(): readonly string[] {
    if (this.#node !== undefined) return this.#node.reasonsNotReady;
    const { reasons } = this.#introductions;
    return reasons.length > 0 ? reasons : ["starting"];
  }

  /** Of the service between peers. */
  readonly handlers = {
    exchange: (call: { emit(event: string, error: object): void }): void => {
      if (this.#transport !== undefined) this.#transport.handlers.exchange(call);
      else call.emit("error", { code: status.UNAVAILABLE, details: "new here" });
    },
    introduce: (call: IncomingCall & { request: Introduction__Output }, callback: Callback): void => {
      const refused = isFromNode(call) ? this.#refusalOf(call.request) : "the certificate shown is no node's";
      if (refused !== undefined) {
        callback({ code: status.FAILED_PRECONDITION, details: refused });
        return;
      }
      this.#answer(call.request).then(
        (answer) => callback(null, answer),
        (error: unknown) => callback({ code: status.INTERNAL, details: errorMessage(error) }),
      );
    },
  };

  #refusalOf({ controllerId, diskId, controllers }: Introduction__Output): string | undefined {
    const ours = this.#introductions.controllers;
    if (controllers !== ours) return `the controllers are ${ours} here, and ${controllers} there`;
    const isOther = this.#options.peers.has(controllerId) && controllerId !== this.#options.controllerId;
    return isOther && diskId !== "" ? undefined : "an introduction by nobody";
  }

  async #answer({ controllerId, diskId, memberId }: Introduction__Output): Promise<Acquaintance> {
    const knownDiskId = (await this.#disk.acquaint(controllerId, diskId)) ?? "";
    const node = this.#node;
    if (memberId === memberIdOf(controllerId, diskId)) node?.askedToJoin(controllerId, memberId);
    return {
      knownDiskId,
      isMember: node?.isMember ?? false,
      isLeader: node?.isLeader ?? false,
      restoredFrom: this.#restoredFrom,
      diskId: this.#disk.diskId,
    };
  }

  async #settle(): Promise<void> {
    await this.#introductions.settle();
    if (!this.#isClosed) await this.#start();
  }

  async #start(): Promise<void> {
    const { world, logger, dataDir, peers, store, makeTransport, makeHost, launched, onFatal } = this.#options;
    const disk = this.#disk;
    const isFounder = disk.stage === "founder";
    this.#restoredFrom = (isFounder ? await restoredMark(world, dataDir) : disk.restoredFrom) ?? "";
    if (this.#isClosed) return;
    const names = [...peers.keys()].toSorted().join(" ");
    const clusterId = `controllers ${names}${this.#restoredFrom === "" ? "" : ` restored ${this.#restoredFrom}`}`;
    const nodeId = disk.memberId;
    const { clock, random, failpoint } = world;
    const transport = makeTransport(nodeId, clusterId);
    const host = makeHost({ nodeId, clock, random, logger, store, transport, onFatal, failpoint });
    const node = new ControllerNode({ ...this.#options, host, isFounder });
    this.#transport = transport;
    this.#host = host;
    this.#node = node;
    if (!isFounder) void this.#introductions.askToJoin(() => node.isVoter);
    launched(node, host);
  }

  async close({ leadershipTimeoutMs }: { leadershipTimeoutMs: number }): Promise<void> {
    this.#isClosed = true;
    this.#introductions.close();
    await this.#host?.transferAllLeadership(leadershipTimeoutMs);
    this.#node?.close();
    await this.#host?.close();
  }
}
