import type { StoredRecord } from "@millrace/proto";
import { type Clock, MIB } from "@millrace/util";
import { ShardGone, ShardUnavailable } from "../errors.ts";
import type { ClusterMetadata } from "../metadata.ts";
import type { ShardView, StreamView } from "../stream-view.ts";
import type { ShardRouter } from "../types.ts";
import { ConsumedRecord, sequenceNumberAt } from "./consumed-record.ts";
import { checkOptions } from "./check-options.ts";
import { StreamNotFound } from "./errors.ts";
import { PageQueue } from "./page-queue.ts";
import { offsetOf, pagesOf, type RecordPage } from "./shard-reader.ts";
import {
  type Checkpoint,
  planStart,
  SHARD_END,
  type ShardStart,
  type StartPlan,
  type StartPosition,
} from "./start-position.ts";

export interface ConsumerOptions {
  /** LATEST unless given. */
  readonly from?: StartPosition;
  /** Of pages that wait to be taken, and one page a shard above it; 16 MiB unless given. */
  readonly bufferBytes?: number;
  readonly signal?: AbortSignal;
}

export interface ConsumerServices {
  readonly metadata: ClusterMetadata;
  readonly router: ShardRouter;
  readonly clock: Clock;
  readonly onClose?: () => void;
}

const BUFFER_BYTES = 16 * MIB;

/**
 * All shards of one stream as one sequence of pages, each record once: in order within a shard, and a child's after all of
 * its parents', through leader changes and reshards. Begins when it is made, ends with `close`, the signal, or the stream
 * (StreamNotFound). Iterate it once.
 */
export class Consumer implements AsyncIterable<RecordPage> {
  readonly #services: ConsumerServices;
  readonly #streamId: number;
  readonly #plan: StartPlan;
  readonly #pages: PageQueue;
  readonly #stop = new AbortController();
  readonly #stopListening: () => void;
  readonly #begun = new Map<number, ShardView>();
  readonly #finished: Set<number>;
  /** By shard id, what was handed out. */
  readonly #positions = new Map<string, string>();
  readonly #starting = new Set<Promise<void>>();
  #isIterated = false;

  constructor(view: StreamView, services: ConsumerServices, options: ConsumerOptions = {}) {
    const { from = "LATEST", bufferBytes = BUFFER_BYTES, signal } = options;
    checkOptions({ bufferBytes }, { min: 1 });
    this.#services = services;
    this.#streamId = view.stream.streamId;
    this.#plan = planStart(from, view);
    this.#finished = new Set(this.#plan.finished);
    this.#pages = new PageQueue(bufferBytes);
    for (const number of this.#finished) this.#note(view.shardByNumber(number), SHARD_END);
    this.#stopListening = services.metadata.onChange(() => this.#beginShards());
    signal?.addEventListener("abort", () => this.close(), { once: true, signal: this.#stop.signal });
    // Whoever makes it does not have it yet, and cannot hear of its end.
    if (signal?.aborted === true) queueMicrotask(() => this.close());
    else this.#beginShards();
  }

  /** Resolves when the first shards' positions are fixed: what is put from then on comes after LATEST. */
  async ready(): Promise<void> {
    await Promise.all(this.#starting);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordPage, void, void> {
    for await (const page of this.#handedOut()) {
      this.#noteRecord(page.records.at(-1));
      yield page;
    }
  }

  /** The same, a record at a time: a promise each, so pages are faster. */
  async *records(): AsyncGenerator<ConsumedRecord, void, void> {
    for await (const page of this.#handedOut()) {
      for (const record of page.records) {
        this.#noteRecord(record);
        yield record;
      }
    }
  }

  /** Once it is ready, where another consumer may go on: after all that was handed out, the current page or record included. */
  checkpoint(): Checkpoint {
    return Object.fromEntries([...this.#positions].sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  close(): void {
    this.#stop.abort();
    this.#stopListening();
    this.#pages.discard();
    this.#services.onClose?.();
  }

  async *#handedOut(): AsyncGenerator<RecordPage, void, void> {
    if (this.#isIterated) throw new Error("a consumer is iterated once");
    this.#isIterated = true;
    try {
      yield* this.#pages.pages();
    } finally {
      this.close();
    }
  }

  /** Those whose parents are all done, gone, or none of ours. */
  #beginShards(): void {
    if (this.#stop.signal.aborted) return;
    const view = this.#services.metadata.streamById(this.#streamId);
    if (view === undefined) {
      this.#fail(new StreamNotFound("the stream was deleted"));
      return;
    }
    for (const shard of view.shards) {
      const { number } = shard.shard;
      if (this.#begun.has(number) || this.#finished.has(number)) continue;
      const start = this.#plan.starts.get(number) ?? (this.#isNext(shard, view) ? this.#plan.later : undefined);
      if (start !== undefined) this.#begin(shard, start);
    }
  }

  #isNext({ shard }: ShardView, view: StreamView): boolean {
    let hasOurs = false;
    for (const parent of [shard.parent, shard.adjacentParent]) {
      if (parent < 0) continue;
      if (this.#finished.has(parent)) {
        hasOurs = true;
        continue;
      }
      const isOurs = this.#plan.includesOthers || this.#begun.has(parent);
      // A parent that retention took from the stream holds nobody up.
      if (isOurs && view.shardByNumber(parent) !== undefined) return false;
    }
    return hasOurs || this.#plan.includesOthers;
  }

  #begin(shard: ShardView, start: ShardStart): void {
    this.#begun.set(shard.shard.number, shard);
    const { router, clock } = this.#services;
    const options = { shard, router, clock, signal: this.#stop.signal };
    const offset = offsetOf(start, options);
    const started = offset.then(
      (from) => this.#noteStart(shard, from),
      () => undefined, // #follow has it too
    );
    this.#starting.add(started);
    void started.then(() => this.#starting.delete(started));
    this.#follow(shard, offset).catch((error: unknown) => this.#fail(error));
  }

  async #follow(shard: ShardView, offset: Promise<number>): Promise<void> {
    const { router, clock } = this.#services;
    const options = { shard, router, clock, signal: this.#stop.signal };
    const pages = pagesOf(await offset, options, makeRecord);
    let finished: Promise<void> | undefined;
    for (;;) {
      await this.#pages.room();
      const { done, value } = await pages.next();
      if (this.#stop.signal.aborted) {
        await pages.return();
        return;
      }
      if (done === true) break;
      const page = this.#pages.push(value);
      finished = page.finished;
      await page.taken;
    }
    // The last page is still being read: neither is the shard done, nor do its children begin.
    await finished;
    if (this.#stop.signal.aborted) return;
    this.#finished.add(shard.shard.number);
    this.#note(shard, SHARD_END);
    this.#beginShards();
  }

  #fail(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    const isClosed = error instanceof ShardUnavailable && error.reason === "closed";
    if (isClosed) this.#pages.end();
    else this.#pages.fail(error instanceof ShardGone ? new StreamNotFound("the stream was deleted") : error);
    this.#stop.abort();
    this.#stopListening();
  }

  #note(shard: ShardView | undefined, position: string): void {
    if (shard !== undefined) this.#positions.set(shard.shardId, position);
  }

  /** Before the first record too a checkpoint says where: a shard that it does not name is read from its beginning. */
  #noteStart(shard: ShardView, fromOffset: number): void {
    if (this.#positions.has(shard.shardId)) return;
    this.#note(shard, sequenceNumberAt(shard, Math.max(0, fromOffset - 1), this.#services.clock.nowMs()));
  }

  #noteRecord(record: ConsumedRecord | undefined): void {
    if (record !== undefined) this.#positions.set(record.shardId, record.sequenceNumber);
  }
}

function makeRecord(shard: ShardView, stored: StoredRecord): ConsumedRecord {
  return new ConsumedRecord(shard, stored);
}
