import { type Clock, MIB, type Random } from "@millrace/util";
import { ShardGone, ShardUnavailable } from "../../errors.ts";
import type { ClusterMetadata } from "../../metadata.ts";
import type { StreamView } from "../../stream-view.ts";
import type { ControllerConnection, ShardRouter } from "../../types.ts";
import { checkOptions, DURATION_MS_MAX } from "../check-options.ts";
import { StreamNotFound } from "../errors.ts";
import { PageQueue } from "../page-queue.ts";
import { pagesOf } from "../shard-reader.ts";
import { firstLeases, type GroupStart } from "./group-start.ts";
import type { HeldLease } from "./held-lease.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { type LeasedPage, LeasedRecord, QueuedLeasedPage } from "./leased-record.ts";

export interface GroupConsumerOptions {
  /** Where the group begins when none of its workers has begun yet; afterwards it goes on after its checkpoints. LATEST unless given. */
  readonly from?: GroupStart;
  /** This worker's name, no other's at the same time; drawn unless given. */
  readonly worker?: string;
  /** The shards of a worker that has died are others' after so long. The same for all workers; 10 s unless given. */
  readonly leaseDurationMs?: number;
  /** How often checkpoints are stored, of all shards in one command; 1 s unless given. */
  readonly checkpointIntervalMs?: number;
  /** Of pages that wait to be taken, and one page a shard above it; 16 MiB unless given. */
  readonly bufferBytes?: number;
  readonly signal?: AbortSignal;
}

export interface GroupConsumerServices {
  readonly controllers: ControllerConnection;
  readonly metadata: ClusterMetadata;
  readonly router: ShardRouter;
  readonly clock: Clock;
  readonly random: Random;
  readonly onClose?: () => void;
}

const LEASE_DURATION_MS = 10_000;
const CHECKPOINT_INTERVAL_MS = 1_000;
/** Several round trips to the controllers, and their elections if possible, fit into it. */
const LEASE_DURATION_MS_MIN = 1_000;
const CHECKPOINT_INTERVAL_MS_MIN = 10;
const BUFFER_BYTES = 16 * MIB;

/**
 * One worker of a consumer group: its part of the stream's shards as one sequence of pages, in order within a shard, and a child's after
 * all of its parents' are checkpointed. Another worker that claims a shard gets it when what was handed out
 * is checkpointed, or a lease's time after. What is not checkpointed when a shard changes hands is delivered again. Begins when it is
 * made; ends with `close`, the signal, the loop, the stream (StreamNotFound) or the group (GroupRemoved). Iterate it once.
 */
export class GroupConsumer implements AsyncIterable<LeasedPage> {
  readonly worker: string;
  readonly #services: GroupConsumerServices;
  readonly #streamId: number;
  readonly #pages: PageQueue<QueuedLeasedPage>;
  readonly #keeper: LeaseKeeper;
  readonly #stop = new AbortController();
  readonly #stopListening: () => void;
  readonly #leaseDurationMs: number;
  #shardCount: number;
  #closed: Promise<void> | undefined;
  #failure: { readonly reason: unknown } | undefined;
  #isIterated = false;

  constructor(view: StreamView, group: string, services: GroupConsumerServices, options: GroupConsumerOptions = {}) {
    const { from = "LATEST", signal, bufferBytes = BUFFER_BYTES } = options;
    const { leaseDurationMs = LEASE_DURATION_MS, checkpointIntervalMs = CHECKPOINT_INTERVAL_MS } = options;
    checkOptions({ leaseDurationMs }, { min: LEASE_DURATION_MS_MIN, max: DURATION_MS_MAX });
    checkOptions({ checkpointIntervalMs }, { min: CHECKPOINT_INTERVAL_MS_MIN, max: DURATION_MS_MAX });
    checkOptions({ bufferBytes }, { min: 1 });
    const { random, router, clock } = services;
    this.worker = options.worker ?? `worker-${random.bytes(8).toString("hex")}`;
    this.#services = services;
    this.#streamId = view.stream.streamId;
    this.#shardCount = view.shards.length;
    this.#leaseDurationMs = leaseDurationMs;
    this.#pages = new PageQueue(bufferBytes);
    this.#keeper = new LeaseKeeper({
      ...services,
      group,
      worker: this.worker,
      streamId: this.#streamId,
      leaseDurationMs,
      checkpointIntervalMs,
      firstLeases: (now) => firstLeases(from, now, { router, clock, signal: this.#stop.signal }),
      onTaken: (lease) => this.#taken(lease),
      onFailed: (error) => this.#fail(error),
    });
    this.#stopListening = services.metadata.onChange(() => this.#streamChanged());
    const onAbort = (): void => void this.close().catch((error: unknown) => this.#pages.fail(error));
    signal?.addEventListener("abort", onAbort, { once: true, signal: this.#stop.signal });
    if (signal?.aborted === true) onAbort();
  }

  /** Resolves when the group has begun: what is put from then on comes after LATEST. @throws what ended the worker before that */
  async ready(): Promise<void> {
    await this.#keeper.begun;
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  /** Ids of those that are this worker's now, in order. */
  shards(): string[] {
    const nowMs = this.#services.clock.monotonicMs();
    const valid = [...this.#keeper.held].filter((lease) => lease.isValid(nowMs));
    return valid.map(({ shard }) => shard.shardId).sort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LeasedPage, void, void> {
    for await (const page of this.#handedOut()) {
      page.lease.handedOut((page.records.at(-1)?.offset ?? 0) + 1);
      yield page;
    }
  }

  /** The same, a record at a time: a promise each, so pages are faster. */
  async *records(): AsyncGenerator<LeasedRecord, void, void> {
    for await (const { lease, records } of this.#handedOut()) {
      for (const record of records) {
        if (!this.#mayHandOut(lease)) break;
        lease.handedOut(record.offset + 1);
        yield record;
      }
    }
  }

  /** Stores the last checkpoints and gives the shards back. @throws ControllerUnavailable when that could not be done */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    this.#stopListening();
    this.#pages.discard();
    try {
      await this.#keeper.close();
    } finally {
      this.#services.onClose?.();
    }
  }

  async *#handedOut(): AsyncGenerator<QueuedLeasedPage, void, void> {
    if (this.#isIterated) throw new Error("a consumer is iterated once");
    this.#isIterated = true;
    try {
      for await (const page of this.#pages.pages()) {
        if (this.#mayHandOut(page.lease)) yield page;
      }
    } finally {
      await this.close();
    }
  }

  /**
   * No: what waits to be handed out is passed over. A lease that is only late, and may be renewed yet, is given back as if another worker
   * claimed it: whoever takes it next begins where the caller was.
   */
  #mayHandOut(lease: HeldLease): boolean {
    const nowMs = this.#services.clock.monotonicMs();
    if (lease.mayHandOut(nowMs)) return true;
    lease.yieldWithin(this.#leaseDurationMs, nowMs);
    return false;
  }

  #taken(lease: HeldLease): void {
    lease.signal.addEventListener("abort", () => this.#pages.drop((page) => page.lease === lease), { once: true });
    this.#follow(lease).catch((error: unknown) => {
      if (!lease.signal.aborted && !this.#stop.signal.aborted) this.#fail(error);
    });
  }

  async #follow(lease: HeldLease): Promise<void> {
    const { router, clock } = this.#services;
    const options = { shard: lease.shard, router, clock, signal: lease.signal };
    const pages = pagesOf(lease.fromOffset, options, (_shard, stored) => new LeasedRecord(lease, stored));
    let endOffset = lease.fromOffset;
    for (;;) {
      await this.#pages.room();
      const { done, value } = await pages.next();
      if (lease.signal.aborted || this.#stop.signal.aborted) {
        await pages.return();
        return;
      }
      if (done === true) break;
      endOffset = (value.records.at(-1)?.offset ?? endOffset - 1) + 1;
      await this.#pages.push(new QueuedLeasedPage(lease, value)).taken;
    }
    lease.ended(endOffset);
  }

  #streamChanged(): void {
    const view = this.#services.metadata.streamById(this.#streamId);
    if (view === undefined) {
      this.#fail(new StreamNotFound("the stream was deleted"));
      return;
    }
    if (view.shards.length === this.#shardCount) return;
    this.#shardCount = view.shards.length;
    this.#keeper.lookSoon();
  }

  /** The loop hears of it, and closes. */
  #fail(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    const isClosed = error instanceof ShardUnavailable && error.reason === "closed";
    const reason = error instanceof ShardGone ? new StreamNotFound("the stream was deleted") : error;
    this.#failure = { reason };
    if (isClosed) this.#pages.end();
    else this.#pages.fail(reason);
    this.#stop.abort();
    this.#stopListening();
  }
}
