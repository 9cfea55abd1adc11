import type { GroupHandle } from "@millrace/multiraft";
import {
  BATCH_FLAG_CLOSE,
  encodeAppendResult,
  encodeThrottled,
  MalformedBatch,
  readBatchHeader,
  readBatchId,
  ShardLogStatus,
  stampBatch,
  verifyBatch,
} from "@millrace/proto";
import { type ClusterClock, type Failpoint, KIB, MIB } from "@millrace/util";
import type { StoredBatch } from "./dedup-table.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { ShardQuotas } from "./quotas.ts";
import type { ShardState } from "./shard-state.ts";

/** How an answer leaves: a status of the ShardLog protocol and its body. */
export type Respond = (status: ShardLogStatus, body: Buffer) => void;

export interface AppendCall {
  readonly batch: Buffer;
  readonly quotas: boolean;
}

interface QueuedBatch {
  readonly batch: Buffer;
  readonly batchId: string;
  readonly recordCount: number;
  readonly isClose: boolean;
  readonly waiting: Respond[];
}

/** Came while the end of the shard was on its way: it is stored nowhere, or by an earlier attempt that this leader has not heard of. */
interface BehindEnd {
  readonly batchId: string;
  readonly respond: Respond;
}

interface Proposed {
  readonly index: number;
  readonly term: number;
  readonly batches: readonly QueuedBatch[];
  readonly sizeBytes: number;
}

const NOTHING = Buffer.alloc(0);
/** Entries on their way; more batches wait and share the next one. */
const PROPOSALS_MAX = 8;
const ENTRY_SIZE_BYTES_AIM = 512 * KIB;
const SHARD_IN_FLIGHT_BYTES_MAX = 64 * MIB;

export interface AppenderOptions {
  readonly state: () => ShardState;
  readonly clock: ClusterClock;
  /** Of the shard, by the cluster's time, as far as it is known by now: a child is made before it has a time. */
  readonly createdAtMs: () => number;
  readonly budget: ByteBudget;
  readonly group: () => GroupHandle;
  readonly failpoint: Failpoint | undefined;
}

/** The way of a batch at the shard's leader: admit, stamp, propose, and answer when it is committed. */
export class Appender {
  readonly #state: () => ShardState;
  readonly #clock: ClusterClock;
  readonly #createdAtMs: () => number;
  readonly #budget: ByteBudget;
  readonly #group: () => GroupHandle;
  readonly #failpoint: Failpoint | undefined;
  #term = 0;
  #nextOffset = 0;
  #lastArrivalTimeMs = 0;
  /** The end of the shard, while it is on its way. */
  #end: QueuedBatch | undefined;
  #behindEnd: BehindEnd[] = [];
  #quotas: ShardQuotas;
  #queue: QueuedBatch[] = [];
  #proposed: Proposed[] = [];
  readonly #inFlight = new Map<string, QueuedBatch>();
  #inFlightBytes = 0;

  constructor(options: AppenderOptions) {
    this.#failpoint = options.failpoint;
    this.#state = options.state;
    this.#clock = options.clock;
    this.#createdAtMs = options.createdAtMs;
    this.#budget = options.budget;
    this.#group = options.group;
    this.#quotas = new ShardQuotas(this.#clock.monotonicMs());
  }

  get isLeading(): boolean {
    return this.#term !== 0;
  }

  get quotas(): ShardQuotas {
    return this.#quotas;
  }

  begin(term: number): void {
    const state = this.#state();
    this.#term = term;
    this.#nextOffset = state.nextOffset;
    this.#lastArrivalTimeMs = state.lastArrivalTimeMs;
    this.#quotas = new ShardQuotas(this.#clock.monotonicMs());
  }

  append({ batch, quotas }: AppendCall, respond: Respond): void {
    if (this.#term === 0) {
      respond(ShardLogStatus.notLeader, Buffer.from(this.#group().leaderId ?? ""));
      return;
    }
    let header;
    try {
      header = readBatchHeader(batch);
      if (header.sizeBytes !== batch.length) throw new MalformedBatch("bytes after the batch");
      verifyBatch(batch, 0, header);
    } catch (error) {
      if (!(error instanceof MalformedBatch)) throw error;
      respond(ShardLogStatus.badRequest, Buffer.from(error.message));
      return;
    }
    const batchId = readBatchId(batch);
    const stored = this.#state().dedup.get(batchId);
    if (stored !== undefined) {
      this.#failpoint?.("append.before-answer-repetition");
      respond(ShardLogStatus.ok, encodeAppendResult(stored));
      return;
    }
    const same = this.#inFlight.get(batchId);
    if (same !== undefined) {
      same.waiting.push(respond);
      return;
    }
    const isClose = (header.flags & BATCH_FLAG_CLOSE) !== 0;
    if (this.#state().closed) {
      respond(ShardLogStatus.closed, NOTHING);
      return;
    }
    if (this.#end !== undefined) {
      this.#behindEnd.push({ batchId, respond });
      return;
    }
    if (!this.#group().canPropose) {
      respond(ShardLogStatus.diskFull, NOTHING);
      return;
    }
    if (this.#inFlightBytes + batch.length > SHARD_IN_FLIGHT_BYTES_MAX || !this.#budget.tryTake(batch.length)) {
      respond(ShardLogStatus.overloaded, NOTHING);
      return;
    }
    const refused = quotas
      ? this.#quotas.write(header.recordCount, header.userBytes, this.#clock.monotonicMs())
      : undefined;
    if (refused !== undefined) {
      this.#budget.giveBack(batch.length);
      respond(ShardLogStatus.throttled, encodeThrottled(refused));
      return;
    }
    this.#failpoint?.("append.admitted");
    const queued = { batch, batchId, recordCount: header.recordCount, isClose, waiting: [respond] };
    this.#inFlight.set(batchId, queued);
    this.#inFlightBytes += batch.length;
    if (isClose) this.#end = queued;
    this.#queue.push(queued);
    if (this.#queue.length === 1 && this.#proposed.length < PROPOSALS_MAX) queueMicrotask(() => this.#pump());
  }

  /** Proposes what waits, small batches joined in one entry. */
  #pump(): void {
    while (this.#queue.length > 0 && this.#proposed.length < PROPOSALS_MAX && this.#term !== 0) {
      let count = 0;
      let sizeBytes = 0;
      for (const { batch } of this.#queue) {
        if (count > 0 && sizeBytes + batch.length > ENTRY_SIZE_BYTES_AIM) break;
        sizeBytes += batch.length;
        count++;
      }
      const batches = this.#queue.slice(0, count);
      const arrivalTimeMs = this.#arrivalTimeMs();
      let offset = this.#nextOffset;
      for (const { batch, recordCount } of batches) {
        stampBatch(batch, 0, offset, arrivalTimeMs, this.#term);
        offset += recordCount;
      }
      const payload =
        count === 1 ? (batches[0] as QueuedBatch).batch : Buffer.concat(batches.map(({ batch }) => batch));
      this.#failpoint?.("append.before-propose");
      const proposal = this.#group().propose(payload);
      if (proposal === undefined) {
        this.#drop(ShardLogStatus.notLeader);
        return;
      }
      this.#queue.splice(0, count);
      this.#nextOffset = offset;
      this.#lastArrivalTimeMs = arrivalTimeMs;
      this.#proposed.push({ index: proposal.index, term: proposal.term, batches, sizeBytes });
      this.#failpoint?.("append.after-propose");
    }
  }

  /** Never back; and while nobody has confirmed our clock, not before the shard was made: what has a time long ago expires at once. */
  #arrivalTimeMs(): number {
    const nowMs = this.#clock.isConfirmed ? this.#clock.nowMs() : Math.max(this.#clock.nowMs(), this.#createdAtMs());
    return Math.max(nowMs, this.#lastArrivalTimeMs);
  }

  /** An entry was applied: whoever waits for it is answered from the state, which knows where each batch stands. */
  applied(index: number, term: number): void {
    let count = 0;
    for (; count < this.#proposed.length; count++) {
      const { index: ownIndex, term: ownTerm, batches } = this.#proposed[count] as Proposed;
      if (ownIndex > index) break;
      for (const queued of batches) {
        const stored = ownIndex === index && ownTerm === term ? this.#state().dedup.get(queued.batchId) : undefined;
        this.#answer(queued, stored);
      }
    }
    if (count === 0) return;
    this.#proposed.splice(0, count);
    if (this.#queue.length > 0) this.#pump();
  }

  #answer(queued: QueuedBatch, stored: StoredBatch | undefined): void {
    const status = stored === undefined ? ShardLogStatus.unknown : ShardLogStatus.ok;
    const body = stored === undefined ? NOTHING : encodeAppendResult(stored);
    this.#failpoint?.("append.before-acknowledge");
    this.#settle(queued, status, body);
    this.#failpoint?.("append.after-acknowledge");
  }

  #settle(queued: QueuedBatch, status: ShardLogStatus, body: Buffer): void {
    const { batchId, batch, waiting } = queued;
    this.#inFlight.delete(batchId);
    this.#inFlightBytes -= batch.length;
    this.#budget.giveBack(batch.length);
    for (const respond of waiting) respond(status, body);
    if (queued === this.#end) this.#endIsOver();
  }

  /**
   * Only an end that is committed says that nothing else is stored: a leader that does not know yet that there is another one may be
   * about to lose the end that it has proposed, and has not heard of what the other one stores before its own.
   */
  #endIsOver(): void {
    const { closed, dedup } = this.#state();
    const waiting = this.#behindEnd;
    this.#end = undefined;
    this.#behindEnd = [];
    for (const { batchId, respond } of waiting) {
      const stored = dedup.get(batchId);
      if (stored !== undefined) respond(ShardLogStatus.ok, encodeAppendResult(stored));
      else if (closed) respond(ShardLogStatus.closed, NOTHING);
      else respond(ShardLogStatus.notLeader, Buffer.from(this.#group().leaderId ?? ""));
    }
  }

  /** What was not proposed was not written. */
  #drop(status: ShardLogStatus): void {
    const leader = Buffer.from(this.#group().leaderId ?? "");
    const queue = this.#queue;
    this.#queue = [];
    for (const queued of queue) this.#settle(queued, status, leader);
  }

  /** Leadership is lost: what was proposed may yet be committed by another leader. */
  end(): void {
    this.#term = 0;
    const proposed = this.#proposed;
    this.#proposed = [];
    for (const { batches } of proposed) for (const queued of batches) this.#answer(queued, undefined);
    this.#drop(ShardLogStatus.notLeader);
  }
}
