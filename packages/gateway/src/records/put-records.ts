import {
  AppendOutcomeUnknown,
  ShardClosed,
  ShardGone,
  ShardThrottled,
  ShardUnavailable,
  type StreamView,
} from "@millrace/client";
import { type AppendResult, formatSequenceNumbers } from "@millrace/proto";
import { crc32c } from "@node-rs/crc32";
import { KIB, MIB } from "@millrace/util";
import { checkAccess } from "../access.ts";
import { type AwsError, awsError } from "../errors.ts";
import { isThrottledByFault } from "../faults.ts";
import type { ApiRequest } from "../http/api-types.ts";
import type { Services } from "../operations/operation.ts";
import type { PutBatch } from "../protocol/put-batch.ts";
import type { ValidationHooks } from "../protocol/validate-input.ts";
import { streamNameOf } from "../streams.ts";
import { closedLatelyFromS } from "./closed-lately.ts";
import {
  batchIdOf,
  fittingCount,
  isRepetition,
  packPart,
  partsOf,
  partWithin,
  putIdentity,
  recyclePart,
  type ShardPart,
} from "./put-plan.ts";

const REQUEST_BYTES_MAX = 10 * MIB;
/** Below the SDKs' own time-outs, above a failover. */
const PUT_TIMEOUT_MS = 6_000;
const REROUTES_MAX = 5;
const REROUTE_WAIT_MS = 2_000;

/** What became of each record, by position: a sequence number, or an error. */
export interface PutOutcome {
  readonly view: StreamView;
  readonly shardIds: (string | undefined)[];
  readonly sequenceNumbers: (string | undefined)[];
  readonly failures: (PutFailure | undefined)[];
}

/** Why a record was not stored, or is not known to be. */
export type PutFailure = { readonly kind: "throttled" | "unavailable"; readonly shardId: string };

/** @throws AwsError ACCESS_DENIED, STREAM_NOT_FOUND while the stream cannot be written to */
export function writableStream({ metadata }: Services, put: PutBatch, request: ApiRequest): StreamView {
  checkAccess(put.streamArn, request);
  const reference = { StreamName: put.streamName, StreamARN: put.streamArn };
  const { accountId, region, name } = streamNameOf(reference, request);
  const view = metadata.stream(accountId, region, name);
  if (view === undefined || view.stream.status === "CREATING" || view.stream.status === "DELETING") {
    throw awsError("STREAM_NOT_FOUND", { stream: name, accountId });
  }
  return view;
}

/** @throws AwsError VALIDATION, RECORDS_TOO_LARGE */
export function checkSizes(put: PutBatch, view: StreamView, pathOf: (position: number) => string): void {
  const recordBytesMax = view.stream.maxRecordSizeKib * KIB;
  let total = 0;
  for (let position = 0; position < put.count; position++) {
    const dataBytes = put.dataLengths[position] as number;
    const bytes = dataBytes + (put.keyLengths[position] as number);
    total += bytes;
    if (bytes <= recordBytesMax) continue;
    const value = `java.nio.HeapByteBuffer[pos=0 lim=${dataBytes} cap=${dataBytes}]`;
    const constraint = `Member must have length less than or equal to ${recordBytesMax}`;
    const violation = `Value '${value}' at '${pathOf(position)}' failed to satisfy constraint: ${constraint}`;
    throw awsError("VALIDATION", { violations: [violation] });
  }
  if (total > REQUEST_BYTES_MAX) throw awsError("RECORDS_TOO_LARGE", { limitMib: REQUEST_BYTES_MAX / MIB });
}

/** Stores a request's records, each shard's in one batch, once, whatever is repeated. */
export async function storeRecords(
  services: Services,
  request: ApiRequest,
  put: PutBatch,
  view: StreamView,
): Promise<PutOutcome> {
  const outcome: PutOutcome = {
    view,
    shardIds: new Array<string | undefined>(put.count),
    sequenceNumbers: new Array<string | undefined>(put.count),
    failures: new Array<PutFailure | undefined>(put.count),
  };
  const startedAtMs = services.clock.monotonicMs();
  const storing = new Storing(services, request, put, outcome);
  const all = put.count === 1 ? [0] : positionsBelow(put.count);
  const positions = view.stream.faults ? all.filter((position) => !storing.failByFault(view, position)) : all;
  await storing.store(view, positions, 0);
  noteOutcome(services, put, outcome, startedAtMs);
  services.failpoint?.("put.before-answer");
  return outcome;
}

function noteOutcome(
  { streamMetrics, puts, clock }: Services,
  put: PutBatch,
  { view, sequenceNumbers, failures }: PutOutcome,
  startedAtMs: number,
): void {
  let [records, bytes, throttled] = [0, 0, 0];
  for (let position = 0; position < put.count; position++) {
    if (failures[position]?.kind === "throttled") throttled++;
    if (sequenceNumbers[position] === undefined) continue;
    records++;
    bytes += (put.dataLengths[position] as number) + (put.keyLengths[position] as number);
  }
  if (records > 0) {
    streamMetrics.wrote(view, records, bytes);
    puts.stored(bytes, clock.monotonicMs() - startedAtMs);
  }
  if (throttled > 0) streamMetrics.writeThrottled(view, throttled);
}

function positionsBelow(count: number): number[] {
  return Array.from({ length: count }, (_, position) => position);
}

/** Records without a partition key are for streams that distribute by themselves. */
export function putHooks({ metadata }: Services, { accountId, region }: ApiRequest): ValidationHooks {
  return {
    isPartitionKeyOptional: ({ StreamName, StreamARN }) => {
      const reference = {
        ...(typeof StreamName === "string" ? { StreamName } : {}),
        ...(typeof StreamARN === "string" ? { StreamARN } : {}),
      };
      if (reference.StreamName === undefined && reference.StreamARN === undefined) return false;
      const named = streamNameOf(reference, { accountId, region });
      const view = metadata.stream(named.accountId, named.region, named.name);
      return view !== undefined && distributesByItself(view);
    },
  };
}

function distributesByItself({ stream }: StreamView): boolean {
  return stream.mode === "ON_DEMAND" && stream.recordDistribution === "AUTO";
}

class Storing {
  readonly #services: Services;
  readonly #request: ApiRequest;
  readonly #put: PutBatch;
  readonly #outcome: PutOutcome;
  readonly #identity: Buffer;
  readonly #quotas: boolean;
  readonly #isRepetition: boolean;
  /** Groups of shards that are closed, and have none of this request's records but those that they answered for. */
  readonly #settled = new Set<number>();
  /** Positions of which nobody could say whether they are stored. */
  readonly #unknown: number[] = [];

  constructor(services: Services, request: ApiRequest, put: PutBatch, outcome: PutOutcome) {
    const { stream } = outcome.view;
    this.#services = services;
    this.#request = request;
    this.#outcome = outcome;
    this.#identity = putIdentity(request, stream.streamId, services.random);
    this.#put = distributesByItself(outcome.view) ? { ...put, distributedBy: this.#identity } : put;
    this.#isRepetition = isRepetition(request);
    this.#quotas = services.hasQuotas && stream.mode === "PROVISIONED";
  }

  /**
   * An earlier attempt may have stored records in shards that a reshard has closed since. Each of those is asked, the oldest
   * first as the attempt did: it answers with what it has, or that it is closed and has not got it.
   * @returns the positions that no closed shard has
   */
  async #settle(view: StreamView, positions: readonly number[]): Promise<readonly number[]> {
    const fromS = closedLatelyFromS(view);
    let left = positions;
    for (const shard of view.shards) {
      if (shard.open || shard.shard.closedAtS < fromS || this.#settled.has(shard.groupId)) continue;
      const part = partWithin(this.#put, shard, left);
      if (part === undefined) continue;
      this.#services.failpoint?.("put.before-ask-closed-shard");
      if (!this.#failBesideUnknown(part) && !(await this.#storePart(view, part, 0))) continue;
      const settled = new Set(part.positions);
      left = left.filter((position) => !settled.has(position));
    }
    return left;
  }

  /** True when a fault that is rehearsed throttles the record. */
  failByFault(view: StreamView, position: number): boolean {
    // The same ones when an SDK repeats the request, so that what is left is the same batch; one record alone may have better luck.
    const { count } = this.#put;
    const draw =
      count === 1 ? this.#services.random.next() : crc32c(`${position}`, this.#identity.readUInt32LE()) / 2 ** 32;
    if (!isThrottledByFault(view, draw)) return false;
    for (const part of partsOf(this.#put, view, [position])) this.#fail(part, 0, "throttled");
    return true;
  }

  async store(view: StreamView, positions: readonly number[], reroutes: number): Promise<void> {
    // After a reshard as well: an earlier attempt may have known of more shards than this gateway did when it began, closed by now.
    const left = this.#isRepetition ? await this.#settle(view, positions) : positions;
    const parts = partsOf(this.#put, view, left);
    const [only] = parts;
    const closed: ShardPart[] = [];
    const storePart = async (part: ShardPart): Promise<void> => {
      if (this.#failBesideUnknown(part)) return;
      if (!(await this.#storePart(view, part, reroutes))) closed.push(part);
    };
    if (only !== undefined && parts.length === 1) await storePart(only);
    else await Promise.all(parts.map(storePart));
    if (closed.length === 0) return;
    const { failpoint } = this.#services;
    failpoint?.("put.shard-closed");
    const current = await this.#afterReshard(view, closed);
    failpoint?.("put.before-append-to-child");
    // Together and in the request's order, for two parents may have one child now.
    const rest = closed.flatMap((part) => part.positions).toSorted((one, other) => one - other);
    await this.store(current, rest, reroutes + 1);
  }

  /** False: a reshard closed the shard, and nothing was stored. */
  async #storePart(view: StreamView, part: ShardPart, reroutes: number): Promise<boolean> {
    try {
      await this.#appendFitting(part);
    } catch (error) {
      if (error instanceof ShardClosed) this.#settled.add(part.shard.groupId);
      if (error instanceof ShardClosed && reroutes < REROUTES_MAX) return false;
      if (error instanceof ShardGone) {
        // A closed one is deleted when its last record is too old.
        if (!part.shard.open) return false;
        throw streamGone(view);
      }
      const isAway =
        error instanceof ShardUnavailable || error instanceof AppendOutcomeUnknown || error instanceof ShardClosed;
      if (!isAway) throw error;
      this.#failUnknown(part, this.#isRefusedForLoad(error) ? "throttled" : "unavailable");
    }
    return true;
  }

  /** Nothing was stored, now or by an earlier attempt: who wrote too much is told so, and comes again more slowly. */
  #isRefusedForLoad(error: unknown): boolean {
    return error instanceof ShardUnavailable && error.reason === "overloaded" && !this.#isRepetition;
  }

  #failUnknown(part: ShardPart, kind: PutFailure["kind"] = "unavailable"): void {
    this.#unknown.push(...part.positions);
    this.#fail(part, 0, kind);
  }

  /**
   * A batch is known by which of the request's records it holds. Where a shard's part would have more of them if what is not known were
   * known, it would be another batch to the next attempt, or is another one than the last attempt's: it waits for that as well.
   */
  #failBesideUnknown(part: ShardPart): boolean {
    if (this.#unknown.length === 0 || partWithin(this.#put, part.shard, this.#unknown) === undefined) return false;
    this.#failUnknown(part);
    return true;
  }

  /** All of it, or what the shard's quota lets pass now. */
  async #appendFitting(part: ShardPart): Promise<void> {
    const batchId = batchIdOf(this.#identity, part);
    const { length } = part.positions;
    try {
      this.#succeed(part, await this.#append(part, length, batchId));
    } catch (error) {
      if (!(error instanceof ShardThrottled)) throw error;
      const count = fittingCount(this.#put, part, error.recordsAvailable, error.bytesAvailable);
      if (count === 0) {
        this.#fail(part, 0, "throttled");
        return;
      }
      try {
        this.#succeed(part, await this.#append(part, count, batchId));
      } catch (second) {
        if (!(second instanceof ShardThrottled)) throw second;
        this.#fail(part, 0, "throttled");
      }
    }
  }

  async #append(part: ShardPart, count: number, batchId: Buffer): Promise<AppendResult> {
    const batch = packPart(this.#put, part, count, batchId, isEncrypted(part.shard.stream));
    const { signal } = this.#request;
    const options = { timeoutMs: PUT_TIMEOUT_MS, signal, quotas: this.#quotas };
    const { router, failpoint } = this.#services;
    try {
      failpoint?.("put.before-append");
      const result = await router.append(part.shard.groupId, batch, options);
      failpoint?.("put.after-append");
      return result;
    } finally {
      recyclePart(batch);
    }
  }

  /** A repetition is answered for what the first attempt stored, which a quota may have cut short. */
  #succeed(part: ShardPart, { baseOffset, arrivalTimeMs, recordCount }: AppendResult): void {
    const { shard, shardId } = part.shard;
    const count = Math.min(recordCount, part.positions.length);
    const first = {
      shardCreatedAtS: shard.createdAtS,
      shardNumber: shard.number,
      index: BigInt(baseOffset),
      timeS: Math.floor(arrivalTimeMs / 1_000),
    };
    const numbers = formatSequenceNumbers(first, count);
    for (let i = 0; i < count; i++) {
      const position = part.positions[i] as number;
      this.#outcome.shardIds[position] = shardId;
      this.#outcome.sequenceNumbers[position] = numbers[i];
    }
    this.#fail(part, count, "throttled");
  }

  #fail({ positions, shard }: ShardPart, from: number, kind: PutFailure["kind"]): void {
    const failure = { kind, shardId: shard.shardId };
    for (let i = from; i < positions.length; i++) this.#outcome.failures[positions[i] as number] = failure;
  }

  /** The stream as soon as the closed shards' children are known here. */
  async #afterReshard(view: StreamView, closed: readonly ShardPart[]): Promise<StreamView> {
    const { metadata, clock } = this.#services;
    const deadlineMs = clock.monotonicMs() + REROUTE_WAIT_MS;
    const isStale = (stream: StreamView): boolean =>
      closed.some(({ shard }) => stream.shardByNumber(shard.shard.number)?.open === true);
    let current = metadata.streamById(view.stream.streamId);
    while (current !== undefined && isStale(current)) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (!(await metadata.waitForVersion(metadata.version + 1, leftMs, this.#request.signal))) break;
      current = metadata.streamById(view.stream.streamId);
    }
    if (current === undefined) throw streamGone(view);
    return current;
  }
}

function streamGone({ key }: StreamView): AwsError {
  return awsError("STREAM_NOT_FOUND", { stream: key.name, accountId: key.accountId });
}

/** Records are marked as of the time they are written; what is on disk is not encrypted by it. */
export function isEncrypted({ stream }: StreamView): boolean {
  return stream.encryptionKeyId !== "";
}
