import { BatchBuilder } from "@millrace/client";
import type { GroupHandle, StateMachine } from "@millrace/multiraft";
import type { Entry } from "@millrace/raft";
import {
  BATCH_FLAG_CLOSE,
  BATCH_ID_SIZE_BYTES,
  encodeLocateResult,
  encodeReadResultPrefix,
  encodeThrottled,
  type LocateRequest,
  readBatchHeader,
  type ReadRequest,
  type ShardPosition,
  ShardLogStatus,
} from "@millrace/proto";
import { CorruptEntry, EntriesMissing, EntriesTruncated, type LogStore } from "@millrace/storage";
import { assert, type ClusterClock, type Failpoint } from "@millrace/util";
import { Appender, type AppendCall, type Respond } from "./appender.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { encodeTruncate, isBatchEntry, truncationOf } from "./entries.ts";
import { LeadershipProof } from "./leadership-proof.ts";
import { ShardState } from "./shard-state.ts";
import { SubscriptionClaims } from "./subscription-claims.ts";
import { WriteMeter } from "./write-meter.ts";

export interface ShardLogOptions {
  readonly groupId: number;
  readonly store: LogStore;
  readonly clock: ClusterClock;
  readonly createdAtMs: () => number;
  readonly budget: ByteBudget;
  readonly failpoint?: Failpoint | undefined;
}

export interface ReadPage {
  readonly position: ShardPosition;
  /** Whole batches in order, as views. */
  readonly batches: readonly Buffer[];
  /** Where the next page begins. */
  readonly nextOffset: number;
}

const NOTHING = Buffer.alloc(0);
const EMPTY_ROUNDS_MAX = 100;

/** One replica of one shard: its log, the small state beside it, and at the leader the appends in flight. */
export class ShardLog implements StateMachine {
  readonly groupId: number;
  readonly #options: ShardLogOptions;
  readonly #appender: Appender;
  readonly #commitListeners = new Set<() => void>();
  readonly #proof: LeadershipProof;
  readonly writes: WriteMeter;
  /** While this replica leads: others do not know them. */
  readonly claims = new SubscriptionClaims();
  #state = new ShardState();
  #group: GroupHandle | undefined;

  constructor(options: ShardLogOptions) {
    this.groupId = options.groupId;
    this.#options = options;
    const { clock, createdAtMs, budget, failpoint } = options;
    this.#appender = new Appender({
      ...{ clock, createdAtMs, budget, failpoint },
      state: () => this.#state,
      group: () => this.group,
    });
    this.#proof = new LeadershipProof(clock, () => this.group);
    this.writes = new WriteMeter(clock.monotonicMs());
  }

  /** The state machine is made before its group. */
  attach(group: GroupHandle): void {
    this.#group = group;
  }

  get group(): GroupHandle {
    assert(this.#group !== undefined, "the group is attached when it is opened");
    return this.#group;
  }

  get isLeading(): boolean {
    return this.#appender.isLeading;
  }

  get position(): ShardPosition {
    const { startOffset, nextOffset, lastArrivalTimeMs, closed } = this.#state;
    return { startOffset, endOffset: nextOffset, lastArrivalTimeMs, closed };
  }

  // ---- the state machine

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { nextOffset } = this.#state;
      this.#state.apply(entry);
      if (isBatchEntry(entry)) this.writes.wrote(this.#state.nextOffset - nextOffset, entry.payload.length);
      this.#appender.applied(entry.index, entry.term);
      if (truncationOf(entry) !== undefined) queueMicrotask(() => this.#truncate());
    }
    for (const listener of this.#commitListeners) listener();
  }

  checkpoint(): Buffer {
    this.#options.failpoint?.("shard.before-checkpoint");
    return this.#state.encode();
  }

  restore(state: Buffer): void {
    this.#state = ShardState.decode(state);
    this.#options.failpoint?.("shard.after-restore");
  }

  leadershipGained(term: number): void {
    this.#appender.begin(term);
    this.writes.begin(this.#options.clock.monotonicMs());
  }

  leadershipLost(): void {
    this.#appender.end();
    this.#proof.reset();
    // Those who wait here for records go where the next leader is.
    for (const listener of this.#commitListeners) listener();
  }

  /** Called after entries were applied and when leadership is lost, until the returned function is. */
  onCommit(listener: () => void): () => void {
    this.#commitListeners.add(listener);
    return () => this.#commitListeners.delete(listener);
  }

  // ---- requests

  append(call: AppendCall, respond: Respond): void {
    this.#appender.append(call, respond);
  }

  /** At the leader: nothing follows from here on. Once, however often it is asked for, and by whichever leader. */
  close(): void {
    if (!this.isLeading || this.#state.closed) return;
    const batchId = Buffer.alloc(BATCH_ID_SIZE_BYTES, 0xff);
    batchId.writeDoubleLE(this.groupId);
    const batch = new BatchBuilder().seal({ flags: BATCH_FLAG_CLOSE, batchId });
    // Whoever asked looks at the position: an attempt that failed is made again with the next heartbeat.
    this.#appender.append({ batch, quotas: false }, () => undefined);
  }

  async read(request: ReadRequest, respond: RespondPieces): Promise<void> {
    if (!request.anyReplica && !this.isLeading) {
      respond(ShardLogStatus.notLeader, [Buffer.from(this.group.leaderId ?? "")]);
      return;
    }
    const { quotas } = this.#appender;
    if (request.quotas && !quotas.read(this.#options.clock.monotonicMs())) {
      respond(ShardLogStatus.throttled, [encodeThrottled({ recordsAvailable: 0, bytesAvailable: 0 })]);
      return;
    }
    if (!request.anyReplica) await this.#proof.renew();
    try {
      const { position, batches } = await this.page(request.fromOffset, request.bytesMax);
      if (request.quotas) for (const batch of batches) quotas.readDone(readBatchHeader(batch).userBytes);
      respond(ShardLogStatus.ok, [encodeReadResultPrefix(position), ...batches]);
    } catch (error) {
      if (!(error instanceof CorruptEntry)) throw error;
      respond(ShardLogStatus.corrupt, [NOTHING]);
    }
  }

  /** Committed batches from `fromOffset` on: at least one if there is one, then as many as fit. @throws CorruptEntry */
  async page(fromOffset: number, bytesMax: number): Promise<ReadPage> {
    const { store } = this.#options;
    for (let round = 0; round < EMPTY_ROUNDS_MAX; round++) {
      const from = Math.max(fromOffset, this.#state.startOffset);
      const { appliedIndex } = this.group;
      const { position } = this;
      if (from >= position.endOffset) return { position, batches: [], nextOffset: from };
      const fromIndex = Math.max(store.locateOffset(this.groupId, from) ?? 0, this.group.truncatedIndex + 1);
      const options = { bytesMax };
      try {
        const entries =
          store.cachedEntries(this.groupId, fromIndex, appliedIndex, options) ??
          (await store.read(this.groupId, fromIndex, appliedIndex, options));
        const page = selectBatches(entries, from, position.endOffset, bytesMax);
        if (page.batches.length > 0) return { position, ...page };
      } catch (error) {
        // Retention took it meanwhile: the next round begins where the log does now.
        if (!(error instanceof EntriesTruncated) && !(error instanceof EntriesMissing)) throw error;
      }
      await Promise.resolve();
    }
    throw new Error(`no record of group ${this.groupId} at offset ${fromOffset}, below its end`);
  }

  async locate({ target, timeMs }: LocateRequest, respond: Respond, signal: AbortSignal): Promise<void> {
    if (!this.isLeading) {
      respond(ShardLogStatus.notLeader, Buffer.from(this.group.leaderId ?? ""));
      return;
    }
    await this.group.readBarrier(signal);
    const offset = target === "tail" ? this.#state.nextOffset : this.#offsetAt(timeMs);
    respond(ShardLogStatus.ok, encodeLocateResult({ ...this.position, offset }));
  }

  #offsetAt(timeMs: number): number {
    const { store } = this.#options;
    const { nextOffset, startOffset } = this.#state;
    const index = store.locateTime(this.groupId, timeMs);
    const found = index === undefined ? undefined : store.attributesOf(this.groupId, index)?.offset;
    return Math.max(startOffset, Math.min(found ?? nextOffset, nextOffset));
  }

  // ---- retention

  /** At the leader: proposes to forget what arrived before `timeMs`. Replicas do so when it is committed. */
  expire(timeMs: number): void {
    if (!this.isLeading || this.#state.nextOffset === this.#state.startOffset) return;
    const startOffset = this.#offsetAt(timeMs);
    if (startOffset <= this.#state.startOffset) return;
    this.#options.failpoint?.("retention.before-propose");
    this.group.propose(encodeTruncate(startOffset), { makesRoom: true });
  }

  /** Gives back the log's beginning, up to the entry that holds the oldest record that is left. */
  #truncate(): void {
    const { store, failpoint } = this.#options;
    const { startOffset } = this.#state;
    failpoint?.("retention.before-truncate");
    const keptIndex = store.locateOffset(this.groupId, startOffset);
    if (keptIndex === undefined || keptIndex - 1 <= this.group.truncatedIndex) return;
    const index = Math.min(keptIndex - 1, this.group.appliedIndex);
    const nextOffset = store.attributesOf(this.groupId, keptIndex)?.offset;
    if (nextOffset === undefined) return;
    this.group.truncatePrefix(index, this.#state.encodeAt(nextOffset));
  }
}

export type RespondPieces = (status: ShardLogStatus, body: readonly Buffer[]) => void;

function selectBatches(
  entries: readonly Entry[],
  fromOffset: number,
  endOffset: number,
  bytesMax: number,
): { batches: Buffer[]; nextOffset: number } {
  const batches: Buffer[] = [];
  let sizeBytes = 0;
  let nextOffset = fromOffset;
  for (const entry of entries) {
    if (!isBatchEntry(entry)) continue;
    const { payload } = entry;
    for (let at = 0; at < payload.length;) {
      const header = readBatchHeader(payload, at);
      const end = at + header.sizeBytes;
      const isWanted = header.baseOffset + header.recordCount > fromOffset && header.baseOffset < endOffset;
      if (isWanted) {
        if (batches.length > 0 && sizeBytes + header.sizeBytes > bytesMax) return { batches, nextOffset };
        batches.push(payload.subarray(at, end));
        sizeBytes += header.sizeBytes;
        nextOffset = header.baseOffset + header.recordCount;
      }
      at = end;
    }
  }
  return { batches, nextOffset };
}
