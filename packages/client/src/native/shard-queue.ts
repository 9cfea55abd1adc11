import { type AppendResult, BATCH_HEADER_SIZE_BYTES, formatSequenceNumbers, recordSizeBytes } from "@millrace/proto";
import { assert, type Clock, errorMessage, KIB, MIB, MillraceError, type Random, type Timer } from "@millrace/util";
import { BatchBuilder } from "../batch-builder.ts";
import { ShardClosed, ShardThrottled, ShardUnavailable } from "../errors.ts";
import type { ShardView } from "../stream-view.ts";
import type { ShardRouter } from "../types.ts";
import type { Delivery } from "./delivery.ts";
import type { RoutableRecord } from "./record-routing.ts";

/** A sealed batch, and whom to tell of its records. */
export interface PendingBatch {
  /** Of the producer: grows with the time at which batches got their first record, and stays through a reshard. */
  readonly order: number;
  readonly batch: Buffer;
  readonly deliveries: readonly Delivery[];
  /** Monotonic. */
  readonly deadlineMs: number;
}

export interface ShardQueueOptions {
  readonly shard: ShardView;
  readonly router: ShardRouter;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly deliveryTimeoutMs: number;
  /** A batch's place among all of the producer. */
  readonly nextOrder: () => number;
  readonly seal: (builder: BatchBuilder) => Buffer;
  /** The shard's write quota counts. */
  readonly hasQuotas: () => boolean;
  /** Records of the shard's ancestors are still on their way: they come first. */
  readonly mustWait: () => boolean;
  /** Every delivery of these has been told. */
  readonly onSettled: (batch: PendingBatch) => void;
  /** Resolves when the metadata knows of the reshard that closed the shard: then nothing is added here any more. */
  readonly reshardKnown: (deadlineMs: number) => Promise<void>;
  /** The shard is closed: nothing of these was stored. */
  readonly reroute: (batches: readonly PendingBatch[]) => void;
  /** Nothing waits here any more. */
  readonly onIdle: () => void;
}

const RECORDS_MAX = 4_096;
/** With quotas: half a second's worth, so that a batch passes before the bucket is full. */
const QUOTA_RECORDS_MAX = 500;
const QUOTA_BYTES_MAX = 512 * KIB;
const QUOTA_RECORDS_PER_SECOND = 1_000;
const QUOTA_BYTES_PER_SECOND = MIB;
const THROTTLED_WAIT_MIN_MS = 20;
const OVERLOADED_WAIT_MS = 50;

/**
 * One shard's records on their way: an open batch that fills, sealed ones that wait, and one that is sent. One at a time: a
 * batch that is repeated must not be overtaken by the next, or a key's records change order.
 */
export class ShardQueue {
  readonly shard: ShardView;
  readonly #options: ShardQueueOptions;
  readonly #builder = new BatchBuilder();
  #openDeliveries: Delivery[] = [];
  #openedAtMs = 0;
  #openOrder = 0;
  #sealed: PendingBatch[] = [];
  #isSending = false;
  #lingerTimer: Timer | undefined;

  constructor(options: ShardQueueOptions) {
    this.shard = options.shard;
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#isSending || this.#sealed.length > 0 || this.#openDeliveries.length > 0;
  }

  add({ key, data, explicitHashKey }: RoutableRecord, delivery: Delivery): void {
    const { batchBytes, clock, hasQuotas, nextOrder } = this.#options;
    const sizeBytes = recordSizeBytes(key.length, data.length, explicitHashKey !== undefined);
    const isLimited = hasQuotas();
    const bytesMax = isLimited ? Math.min(batchBytes, QUOTA_BYTES_MAX) : batchBytes;
    if (this.#openDeliveries.length > 0 && this.#builder.sizeBytes + sizeBytes > bytesMax) this.#seal();
    if (this.#openDeliveries.length === 0) {
      this.#openedAtMs = clock.monotonicMs();
      this.#openOrder = nextOrder();
    }
    this.#builder.addRecord(key, 0, key.length, data, 0, data.length, explicitHashKey);
    this.#openDeliveries.push(delivery);
    const isFull =
      this.#builder.sizeBytes >= bytesMax ||
      this.#openDeliveries.length >= (isLimited ? QUOTA_RECORDS_MAX : RECORDS_MAX);
    if (isFull) this.#seal();
    this.kick();
  }

  /** This was on its way to an ancestor. */
  insert(pending: PendingBatch): void {
    assert(!this.#isSending, "a shard waits for its ancestors' records");
    const at = this.#sealed.findIndex(({ order }) => order > pending.order);
    this.#sealed.splice(at < 0 ? this.#sealed.length : at, 0, pending);
  }

  /** Nothing waits for company any more. */
  flush(): void {
    this.#seal();
    this.kick();
  }

  /** Sends what is due, unless something is being sent. */
  kick(): void {
    if (this.#isSending || !this.isBusy || this.#options.mustWait()) return;
    if (this.#sealed.length === 0) {
      const { lingerMs, clock } = this.#options;
      const leftMs = this.#openedAtMs + lingerMs - clock.monotonicMs();
      // Without a linger time: what one turn of the event loop puts is one batch.
      if (lingerMs === 0 || leftMs > 0) {
        this.#linger(leftMs);
        return;
      }
      this.#seal();
    }
    this.#isSending = true;
    void this.#send();
  }

  #linger(leftMs: number): void {
    if (this.#lingerTimer !== undefined) return;
    const due = (): void => {
      this.#lingerTimer = undefined;
      if (this.#isSending) return;
      this.#seal();
      this.kick();
    };
    if (leftMs > 0) {
      this.#lingerTimer = this.#options.clock.setTimer(leftMs, due);
    } else {
      this.#lingerTimer = { cancel: () => undefined };
      setImmediate(due);
    }
  }

  #seal(): void {
    if (this.#openDeliveries.length === 0) return;
    const { seal, deliveryTimeoutMs } = this.#options;
    this.#sealed.push({
      order: this.#openOrder,
      batch: seal(this.#builder),
      deliveries: this.#openDeliveries,
      deadlineMs: this.#openedAtMs + deliveryTimeoutMs,
    });
    this.#openDeliveries = [];
  }

  /** Never rejects: a batch's errors are its records'. */
  async #send(): Promise<void> {
    for (;;) {
      const pending = this.#sealed.shift();
      if (pending === undefined) break;
      const isClosed = await this.#deliver(pending);
      if (!isClosed) continue;
      await this.#options.reshardKnown(pending.deadlineMs);
      this.#seal();
      const batches = [pending, ...this.#sealed];
      this.#sealed = [];
      this.#options.reroute(batches);
    }
    this.#isSending = false;
    if (this.isBusy) this.kick();
    else this.#options.onIdle();
  }

  /** True: the shard is closed. */
  async #deliver(pending: PendingBatch): Promise<boolean> {
    const { router, clock, random, signal, hasQuotas } = this.#options;
    const { batch, deadlineMs } = pending;
    for (;;) {
      let result: AppendResult;
      try {
        const timeoutMs = Math.max(1, deadlineMs - clock.monotonicMs());
        result = await router.append(this.shard.groupId, batch, { timeoutMs, signal, quotas: hasQuotas() });
      } catch (error) {
        if (error instanceof ShardClosed) return true;
        const waitMs = waitAfter(error, pending, random);
        if (waitMs === undefined || signal.aborted || clock.monotonicMs() + waitMs >= deadlineMs) {
          failBatch(pending, error);
          this.#options.onSettled(pending);
          return false;
        }
        await clock.sleep(waitMs);
        continue;
      }
      this.#succeed(pending, result);
      this.#builder.recycle(batch);
      return false;
    }
  }

  #succeed(pending: PendingBatch, result: AppendResult): void {
    const { deliveries } = pending;
    assert(result.recordCount === deliveries.length, "a batch is stored as a whole");
    const { shard, shardId } = this.shard;
    const first = {
      shardCreatedAtS: shard.createdAtS,
      shardNumber: shard.number,
      index: BigInt(result.baseOffset),
      timeS: Math.floor(result.arrivalTimeMs / 1_000),
    };
    const sequenceNumbers = formatSequenceNumbers(first, deliveries.length);
    for (const [index, delivery] of deliveries.entries()) {
      delivery.delivered({ shardId, sequenceNumber: sequenceNumbers[index] as string });
    }
    this.#options.onSettled(pending);
  }
}

export function failBatch({ deliveries }: PendingBatch, error: unknown): void {
  const reason = error instanceof MillraceError ? error : new UnexpectedFailure(error);
  for (const delivery of deliveries) delivery.failed(reason);
}

class UnexpectedFailure extends MillraceError {
  readonly code = "INTERNAL";

  constructor(cause: unknown) {
    super(errorMessage(cause), { cause });
  }
}

/** Undefined: waiting does not help. */
function waitAfter(error: unknown, { batch, deliveries }: PendingBatch, random: Random): number | undefined {
  if (error instanceof ShardThrottled) {
    const missingBytes = batch.length - BATCH_HEADER_SIZE_BYTES - error.bytesAvailable;
    const missingRecords = deliveries.length - error.recordsAvailable;
    const refillMs = 1_000 * Math.max(missingBytes / QUOTA_BYTES_PER_SECOND, missingRecords / QUOTA_RECORDS_PER_SECOND);
    // A larger record than a second's worth waits for a full bucket, which is full after a second.
    return Math.ceil(Math.min(1_000, Math.max(THROTTLED_WAIT_MIN_MS, refillMs))) + random.between(0, 10);
  }
  // The router refuses at once what it cannot hold.
  if (error instanceof ShardUnavailable && error.reason === "overloaded") return random.between(1, OVERLOADED_WAIT_MS);
  return undefined;
}
