import type { Command, CommandResult__Output, LeaseChange__Output, LeasesResult } from "@millrace/proto";
import type { Clock, Random } from "@millrace/util";
import { ControllerUnavailable } from "../../errors.ts";
import type { ClusterMetadata } from "../../metadata.ts";
import type { StreamView } from "../../stream-view.ts";
import type { ControllerConnection } from "../../types.ts";
import { GroupRefused, GroupRemoved, StreamNotFound } from "../errors.ts";
import { HeldLease } from "./held-lease.ts";
import { LeaseSightings, planRound, type Take } from "./lease-plan.ts";

export interface LeaseKeeperOptions {
  readonly controllers: ControllerConnection;
  readonly metadata: ClusterMetadata;
  readonly clock: Clock;
  readonly random: Random;
  readonly streamId: number;
  readonly group: string;
  readonly worker: string;
  readonly leaseDurationMs: number;
  readonly checkpointIntervalMs: number;
  /** What the group begins with, when it has not yet. */
  readonly firstLeases: (view: StreamView) => Promise<LeaseChange__Output[]>;
  readonly onTaken: (lease: HeldLease) => void;
  /** The worker cannot go on. Its leases are lost. */
  readonly onFailed: (error: unknown) => void;
}

/** Renewals, so that several may fail before a lease expires. */
const RENEWALS_PER_LEASE = 4;
/** A controller that does not answer must not use up a lease's whole time. */
const CALLS_PER_LEASE = 3;
/** Of one command: those of ten thousand shards would not fit into one. */
const CHANGES_MAX = 4_000;

/** One worker's leases of one group: looks what there is to take, renews what it has, and stores checkpoints, all shards in one command. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #sightings = new LeaseSightings();
  readonly #held = new Map<number, HeldLease>();
  readonly #tickMs: number;
  readonly #running: Promise<void>;
  #begun: () => void = () => undefined;
  /** Resolves when the group has begun, and this worker has had a look at it. */
  readonly begun: Promise<void>;
  #hasBegun = false;
  #lookAtMs = 0;
  #renewAtMs = 0;
  /** A command was sent of which nobody knows whether it was carried out. */
  #isUncertain = false;
  #isStopped = false;
  #endPause: (() => void) | undefined;
  #isWoken = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    const { leaseDurationMs, checkpointIntervalMs } = options;
    this.#tickMs = Math.min(checkpointIntervalMs, leaseDurationMs / RENEWALS_PER_LEASE);
    this.begun = new Promise((resolve) => {
      this.#begun = resolve;
    });
    this.#running = this.#run();
  }

  get held(): Iterable<HeldLease> {
    return this.#held.values();
  }

  /** There are other shards than before, or one is done with: no need to wait for the next round. */
  lookSoon(): void {
    this.#lookAtMs = 0;
    this.#wake();
  }

  /** Stores what is to be stored, and gives all leases back. @throws ControllerUnavailable when that could not be done */
  async close(): Promise<void> {
    this.#stop();
    await this.#running;
    try {
      if (this.#isUncertain && this.#held.size > 0) this.#compare(await this.#read());
      await this.#write(true);
      this.#loseAll();
    } catch (error) {
      this.#loseAll(error);
      throw error;
    }
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        this.#loseExpired();
        if (this.#isUncertain) await this.#look();
        if (this.#isWriteDue()) await this.#write(false);
        await this.#giveUpClaimed();
        if (this.#options.clock.monotonicMs() >= this.#lookAtMs) await this.#look();
      } catch (error) {
        if (!(error instanceof ControllerUnavailable)) {
          // Who closes has ended what was waited for.
          if (!this.#isStopped) this.#fail(error);
          return;
        }
        // Our leases run on; they are lost when they expire before there is an answer.
        this.#isUncertain = true;
      }
      await this.#pause();
    }
  }

  #stop(): void {
    this.#isStopped = true;
    this.#begun();
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#stop();
    this.#loseAll(error);
    this.#options.onFailed(error);
  }

  /** Whoever waits for a checkpoint is told when nobody else goes on, either. */
  #loseAll(error?: unknown): void {
    const reason = error instanceof StreamNotFound || error instanceof GroupRemoved ? error : undefined;
    for (const lease of this.#held.values()) lease.lose(reason);
    this.#held.clear();
  }

  #pause(): Promise<void> {
    const isWoken = this.#isWoken;
    this.#isWoken = false;
    if (this.#isStopped || isWoken) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#endPause = undefined;
        resolve();
      };
      const timer = this.#options.clock.setTimer(this.#tickMs, done);
      this.#endPause = done;
    });
  }

  /** The next round begins now, or right after the one that goes on. */
  #wake(): void {
    if (this.#endPause === undefined) this.#isWoken = true;
    else this.#endPause();
  }

  // ---- what there is to take

  async #look(): Promise<void> {
    const { clock, random, leaseDurationMs, metadata, streamId, worker } = this.#options;
    // Before the question: what happens while it is on its way is reason for another one.
    const roundMs = random.between(Math.floor(leaseDurationMs / 5), Math.floor(leaseDurationMs / 3));
    this.#lookAtMs = clock.monotonicMs() + roundMs;
    const result = await this.#read();
    if (!result.exists) {
      await this.#begin();
      return;
    }
    this.#hasBegun = true;
    this.#isUncertain = false;
    const nowMs = clock.monotonicMs();
    this.#compare(result);
    this.#sightings.note(result.leases, nowMs);
    const view = metadata.streamById(streamId);
    if (view === undefined) throw new StreamNotFound("the stream was deleted");
    const { takes, claims } = planRound({
      worker,
      view,
      random,
      leases: new Map(result.leases.map((lease) => [lease.shardNumber, lease])),
      isExpired: ({ shardNumber }) => this.#sightings.stoodStillMs(shardNumber, nowMs) >= leaseDurationMs,
      held: new Set(this.#held.keys()),
    });
    for (let at = 0; at < takes.length; at += CHANGES_MAX) await this.#take(takes.slice(at, at + CHANGES_MAX));
    if (claims.length > 0) await this.#send(claims.slice(0, CHANGES_MAX).map((take) => changeOf(take, true)));
    // What was claimed is given up soon: as soon as its owner has looked, too, and is through.
    if (result.leases.some(({ claimant }) => claimant === worker)) this.#lookAtMs = 0;
    this.#begun();
  }

  /** The first to come says where the group begins; whoever else wanted to takes what it said. */
  async #begin(): Promise<void> {
    if (this.#hasBegun) throw new GroupRemoved(`the group ${this.#options.group} was removed`);
    const { metadata, streamId, firstLeases } = this.#options;
    const view = metadata.streamById(streamId);
    if (view === undefined) throw new StreamNotFound("the stream was deleted");
    const { error } = await this.#update(await firstLeases(view), true);
    if (error !== null && error.code !== "GROUP_EXISTS") throw refusalOf(error);
    await this.#look();
  }

  /** Others took some of ours meanwhile, or a command of unknown outcome was carried out. */
  #compare({ leases }: LeasesResult): void {
    const { clock, leaseDurationMs, worker } = this.#options;
    for (const lease of leases) {
      const held = this.#held.get(lease.shardNumber);
      if (held === undefined) continue;
      if (!held.isStillOurs(lease, worker)) this.#lose(held);
      else if (lease.claimant !== "") held.yieldWithin(leaseDurationMs, clock.monotonicMs());
    }
  }

  async #take(takes: readonly Take[]): Promise<void> {
    const { clock, leaseDurationMs, onTaken } = this.#options;
    const sentMs = clock.monotonicMs();
    const refused = await this.#send(takes.map((take) => changeOf(take, false)));
    for (const { shard, counter, nextOffset } of takes) {
      const { number } = shard.shard;
      if (refused.has(number)) continue;
      const lease: HeldLease = new HeldLease({
        shard,
        taken: { counter: counter + 1, nextOffset },
        validUntilMs: sentMs + leaseDurationMs,
        onDone: () => this.#wake(),
      });
      this.#held.set(number, lease);
      onTaken(lease);
    }
  }

  // ---- what it has

  #isWriteDue(): boolean {
    const isRenewalDue = this.#options.clock.monotonicMs() >= this.#renewAtMs;
    return this.#held.size > 0 && (isRenewalDue || [...this.#held.values()].some(({ isDirty }) => isDirty));
  }

  /** Every command renews all leases: it costs a few bytes each. */
  async #write(release: boolean): Promise<void> {
    const { clock, leaseDurationMs } = this.#options;
    this.#renewAtMs = clock.monotonicMs() + leaseDurationMs / RENEWALS_PER_LEASE;
    const held = [...this.#held.values()];
    for (let at = 0; at < held.length; at += CHANGES_MAX) {
      await this.#writeSome(held.slice(at, at + CHANGES_MAX), release);
    }
  }

  async #writeSome(leases: readonly HeldLease[], release: boolean): Promise<void> {
    const { clock, leaseDurationMs } = this.#options;
    const sentMs = clock.monotonicMs();
    const changes = leases.map((lease) => lease.takeChange(sentMs, release));
    const refused = await this.#send(changes);
    for (const [index, change] of changes.entries()) {
      const lease = leases[index] as HeldLease;
      if (refused.has(change.shardNumber)) this.#lose(lease);
      else lease.accepted(change, leaseDurationMs);
      if (!lease.isGone) continue;
      this.#held.delete(change.shardNumber);
      this.#lookAtMs = 0; // its children's turn has come, or others have more than we know
    }
  }

  /** By a command of their own, when nothing of theirs waits to be stored: its answer may be lost, and nobody waits for it. */
  async #giveUpClaimed(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    const ready = [...this.#held.values()].filter((lease) => lease.isReadyToYield(nowMs));
    for (let at = 0; at < ready.length; at += CHANGES_MAX) {
      await this.#writeSome(ready.slice(at, at + CHANGES_MAX), true);
    }
  }

  #loseExpired(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const lease of this.#held.values()) if (!lease.isValid(nowMs)) this.#lose(lease);
  }

  #lose(lease: HeldLease): void {
    lease.lose();
    this.#held.delete(lease.shard.shard.number);
  }

  // ---- the controllers

  get #timeoutMs(): number {
    return this.#options.leaseDurationMs / CALLS_PER_LEASE;
  }

  #read(): Promise<LeasesResult> {
    const { controllers, streamId, group } = this.#options;
    return controllers.leases({ streamId, group }, { timeoutMs: this.#timeoutMs });
  }

  /** Shard numbers of the changes that were refused. */
  async #send(changes: LeaseChange__Output[]): Promise<ReadonlySet<number>> {
    const { error, refusedShards } = await this.#update(changes, false);
    if (error !== null) throw refusalOf(error);
    return new Set(refusedShards);
  }

  #update(changes: LeaseChange__Output[], begin: boolean): Promise<CommandResult__Output> {
    const { controllers, random, streamId, group, worker } = this.#options;
    const command: Command = {
      commandId: random.bytes(16).toString("hex"),
      updateLeases: { streamId, group, worker, begin, changes },
    };
    return controllers.execute(command, { timeoutMs: this.#timeoutMs });
  }
}

function changeOf({ shard, counter, nextOffset }: Take, claim: boolean): LeaseChange__Output {
  return { shardNumber: shard.shard.number, counter, nextOffset, done: false, release: false, claim };
}

function refusalOf({ code, message }: { readonly code: string; readonly message: string }): Error {
  if (code === "GROUP_NOT_FOUND") return new GroupRemoved(message);
  if (code === "STREAM_NOT_FOUND") return new StreamNotFound(message);
  return new GroupRefused(message, code);
}
