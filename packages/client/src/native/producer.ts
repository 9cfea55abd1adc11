import { BATCH_FLAG_ENCRYPTED, BATCH_HEADER_SIZE_BYTES, BATCH_ID_SIZE_BYTES, recordSizeBytes } from "@millrace/proto";
import { assert, type Clock, defined, KIB, MIB, MillraceError, type Random } from "@millrace/util";
import type { BatchBuilder } from "../batch-builder.ts";
import { ShardClosed } from "../errors.ts";
import type { ClusterMetadata } from "../metadata.ts";
import type { ShardView, StreamView } from "../stream-view.ts";
import type { ShardRouter } from "../types.ts";
import { checkOptions, DURATION_MS_MAX } from "./check-options.ts";
import { Collector, type Delivery, promisedDelivery, type PutOutcome, type PutResult } from "./delivery.ts";
import { ProducerClosed, ProducerFull, StreamNotFound } from "./errors.ts";
import { type PutRecord, routableRecord, shardFor } from "./record-routing.ts";
import { ancestorsOf, repack } from "./reroute.ts";
import { failBatch, type PendingBatch, ShardQueue } from "./shard-queue.ts";

export interface ProducerOptions {
  /** A batch waits so long for more records; 5 unless given. 0: for those of the same turn of the event loop. */
  readonly lingerMs?: number;
  /** A batch is sent when it has so many; 512 KiB unless given. With shard quotas it is never larger than that. */
  readonly batchBytes?: number;
  /** Of records that are not stored yet; 32 MiB unless given. */
  readonly inFlightBytes?: number;
  /** From `put` to failure; 30 s unless given. Failovers, throttling and reshards are waited out so long. */
  readonly deliveryTimeoutMs?: number;
}

export interface ProducerServices {
  readonly metadata: ClusterMetadata;
  readonly router: ShardRouter;
  readonly clock: Clock;
  readonly random: Random;
  readonly onClose?: () => void;
}

const LINGER_MS = 5;
const BATCH_BYTES = 512 * KIB;
const BATCH_BYTES_MAX = 4 * MIB;
const IN_FLIGHT_BYTES = 32 * MIB;
const DELIVERY_TIMEOUT_MS = 30_000;

/**
 * Writes to one stream: a batch per shard at a time, straight to the shard's leader. Each batch is stored once, whatever is
 * retried, and records of one partition key are stored in the order in which they were put, also across reshards.
 */
export class Producer {
  readonly #services: ProducerServices;
  readonly #options: Required<ProducerOptions>;
  readonly #streamId: number;
  /** By shard number. */
  readonly #queues = new Map<number, ShardQueue>();
  readonly #stop = new AbortController();
  readonly #producerId: Buffer;
  #nextBatchNumber = 0n;
  #nextOrder = 0;
  #usedBytes = 0;
  /** Those who wait for room, first come first served. */
  readonly #waiting: (() => void)[] = [];
  #isWakeQueued = false;
  #epoch = 0;
  /** Records that are not settled, by epoch. */
  readonly #unsettled = new Map<number, number>();
  readonly #flushes = new Set<{ readonly epoch: number; readonly resolve: () => void }>();
  #isClosed = false;

  constructor(view: StreamView, services: ProducerServices, options: ProducerOptions = {}) {
    this.#services = services;
    this.#options = {
      lingerMs: options.lingerMs ?? LINGER_MS,
      batchBytes: Math.min(options.batchBytes ?? BATCH_BYTES, BATCH_BYTES_MAX),
      inFlightBytes: options.inFlightBytes ?? IN_FLIGHT_BYTES,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? DELIVERY_TIMEOUT_MS,
    };
    const { lingerMs, batchBytes, inFlightBytes, deliveryTimeoutMs } = this.#options;
    checkOptions({ lingerMs }, { min: 0, max: DURATION_MS_MAX });
    checkOptions({ batchBytes, inFlightBytes }, { min: 1 });
    checkOptions({ deliveryTimeoutMs }, { min: 1, max: DURATION_MS_MAX });
    this.#streamId = view.stream.streamId;
    this.#producerId = services.random.bytes(BATCH_ID_SIZE_BYTES / 2);
  }

  /** Bytes of records that are not stored yet. */
  get inFlightBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Resolves when the record is stored by a quorum.
   * @throws InvalidRecord, ProducerFull, ProducerClosed, StreamNotFound: nothing was sent. ShardError: see `written`.
   */
  put(record: PutRecord): Promise<PutResult> {
    const { delivery, promise } = promisedDelivery(this.#epoch);
    try {
      this.#add(record, delivery);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    return promise;
  }

  /** Puts all, at the pace that the bound on bytes in flight allows. One outcome a record, in order; costs no promise each. */
  async putAll(records: Iterable<PutRecord>): Promise<PutOutcome[]> {
    const collector = new Collector();
    for (const record of records) {
      while (this.#isFull) await this.ready();
      this.#addTo(collector, record);
    }
    return collector.complete();
  }

  /** Resolves when there is room for a record; at once if there is. @throws ProducerClosed */
  ready(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new ProducerClosed());
    if (!this.#isFull && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#wakeSoon();
    });
  }

  /** Sends what waits for company. Resolves when all that was put before is settled, one way or the other. */
  flush(): Promise<void> {
    const epoch = this.#epoch++;
    for (const queue of this.#queues.values()) queue.flush();
    if (!this.#hasUnsettled(epoch)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#flushes.add({ epoch, resolve });
    });
  }

  /** Takes no more records, and resolves when those it has are settled. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    await this.flush();
    this.#services.onClose?.();
  }

  /** As `close`, but what is not stored by now fails soon: it may be stored all the same. */
  async abandon(): Promise<void> {
    this.#stop.abort();
    await this.close();
  }

  get #isFull(): boolean {
    return this.#usedBytes >= this.#options.inFlightBytes && !this.#isClosed;
  }

  get #view(): StreamView {
    const view = this.#services.metadata.streamById(this.#streamId);
    if (view === undefined || view.stream.status === "DELETING") throw new StreamNotFound("the stream was deleted");
    return view;
  }

  #addTo(collector: Collector, record: PutRecord): void {
    const slot = collector.slot(this.#epoch);
    try {
      this.#add(record, slot);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      slot.failed(error);
    }
  }

  #add(record: PutRecord, delivery: Delivery): void {
    if (this.#isClosed) throw new ProducerClosed();
    if (this.#isFull) throw new ProducerFull(this.#options.inFlightBytes);
    const view = this.#view;
    const routable = routableRecord(record, view);
    const shard = shardFor(view, routable);
    if (shard === undefined) throw new StreamNotFound("the stream has no open shard for this key yet");
    const { key, data, explicitHashKey } = routable;
    this.#usedBytes += recordSizeBytes(key.length, data.length, explicitHashKey !== undefined);
    this.#unsettled.set(delivery.epoch, (this.#unsettled.get(delivery.epoch) ?? 0) + 1);
    this.#queueOf(shard).add(routable, delivery);
  }

  #queueOf(shard: ShardView): ShardQueue {
    const { number } = shard.shard;
    const known = this.#queues.get(number);
    if (known !== undefined) return known;
    const ancestors = ancestorsOf(shard);
    const queue: ShardQueue = new ShardQueue({
      ...this.#options,
      ...this.#services,
      shard,
      signal: this.#stop.signal,
      nextOrder: () => this.#nextOrder++,
      seal: (builder) => this.#seal(builder),
      hasQuotas: () => this.#hasQuotas,
      mustWait: () => ancestors.some((ancestor) => this.#queues.get(ancestor)?.isBusy === true),
      onSettled: (batch) => this.#settled(batch),
      reshardKnown: (deadlineMs) => this.#reshardKnown(number, deadlineMs),
      reroute: (batches) => this.#reroute(shard, batches),
      onIdle: () => this.#idle(number),
    });
    this.#queues.set(number, queue);
    return queue;
  }

  #seal(builder: BatchBuilder): Buffer {
    const batchId = Buffer.alloc(BATCH_ID_SIZE_BYTES);
    this.#producerId.copy(batchId);
    batchId.writeBigUInt64BE(this.#nextBatchNumber++, this.#producerId.length);
    const keyId = this.#services.metadata.streamById(this.#streamId)?.stream.encryptionKeyId ?? "";
    return builder.seal({ flags: keyId === "" ? 0 : BATCH_FLAG_ENCRYPTED, batchId });
  }

  /** Until the metadata has the shard closed, or is without the stream; at the deadline it is left at that. */
  async #reshardKnown(shardNumber: number, deadlineMs: number): Promise<void> {
    const { metadata, clock } = this.#services;
    while (metadata.streamById(this.#streamId)?.shardByNumber(shardNumber)?.open === true) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (!(await metadata.waitForVersion(metadata.version + 1, leftMs, this.#stop.signal))) return;
    }
  }

  /** To the shards that own the keys now, as batches of their own: nothing of the old ones was stored. */
  #reroute(parent: ShardView, batches: readonly PendingBatch[]): void {
    const view = this.#services.metadata.streamById(this.#streamId);
    const isKnown = view?.shardByNumber(parent.shard.number)?.open === false;
    for (const pending of batches) {
      const parts = isKnown ? repack(pending, view, (builder) => this.#seal(builder)) : undefined;
      if (parts === undefined) {
        failBatch(pending, view === undefined ? new StreamNotFound("deleted") : new ShardClosed(parent.groupId));
        this.#settled(pending);
        continue;
      }
      for (const { shard, part } of parts) this.#queueOf(shard).insert(part);
    }
  }

  #idle(shardNumber: number): void {
    const shard = this.#services.metadata.streamById(this.#streamId)?.shardByNumber(shardNumber);
    if (shard?.open === true) return;
    this.#queues.delete(shardNumber);
    // Descendants may have waited for it.
    for (const queue of this.#queues.values()) queue.kick();
  }

  get #hasQuotas(): boolean {
    const { metadata } = this.#services;
    if (metadata.settings?.quotas === "off") return false;
    return metadata.streamById(this.#streamId)?.stream.mode === "PROVISIONED";
  }

  #settled({ batch, deliveries }: PendingBatch): void {
    for (const { epoch } of deliveries) {
      const left = defined(this.#unsettled.get(epoch), "a record is settled once") - 1;
      if (left === 0) this.#unsettled.delete(epoch);
      else this.#unsettled.set(epoch, left);
    }
    this.#usedBytes -= batch.length - BATCH_HEADER_SIZE_BYTES;
    assert(this.#usedBytes >= 0, "bytes are given back once");
    for (const flush of this.#flushes) {
      if (this.#hasUnsettled(flush.epoch)) continue;
      this.#flushes.delete(flush);
      flush.resolve();
    }
    this.#wakeSoon();
  }

  #hasUnsettled(epochMax: number): boolean {
    for (const epoch of this.#unsettled.keys()) if (epoch <= epochMax) return true;
    return false;
  }

  /** One a turn, so that each can put before the next one looks. */
  #wakeSoon(): void {
    if (this.#isWakeQueued || this.#isFull || this.#waiting.length === 0) return;
    this.#isWakeQueued = true;
    setImmediate(() => {
      this.#isWakeQueued = false;
      if (this.#isFull) return;
      this.#waiting.shift()?.();
      this.#wakeSoon();
    });
  }
}
