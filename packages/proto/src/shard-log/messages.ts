import type { TraceContext } from "@millrace/util";
import { type BinaryReader, BinaryWriter, readerOf } from "./binary.ts";

/**
 * Bodies of the items on the ShardLog streams. `kind` of a request is one of RequestKind; `kind` of an answer is a
 * ShardLogStatus. Little-endian; u64 as two u32.
 */
export const RequestKind = { append: 1, read: 2, locate: 3, claim: 4 } as const;

/** Stable numbers: they travel between versions. */
export const ShardLogStatus = {
  ok: 0,
  /** Nothing was written. Body: the leader's node id, or empty while there is none. */
  notLeader: 1,
  /** This broker has no such group (yet, or no more). Nothing was written. */
  unknownGroup: 2,
  /** The shard is closed by a reshard: nothing was written; route anew with newer metadata. */
  closed: 3,
  /** The broker's bounds are reached. Nothing was written; retry after a moment. */
  overloaded: 4,
  /** The shard's quota is used up. Nothing was written. Body: what would be admitted now. */
  throttled: 5,
  /** Nothing was written. */
  diskFull: 6,
  /** Perhaps written: leadership was lost before the outcome was known. Retry with the same batch id. */
  unknown: 7,
  /** Malformed request. */
  badRequest: 8,
  /** The records are damaged on this replica's disk; another has them. */
  corrupt: 9,
  internal: 10,
} as const;
export type ShardLogStatus = (typeof ShardLogStatus)[keyof typeof ShardLogStatus];

/**
 * Append: u64 group id | u8 flags (bit 0: quotas apply, bit 1: traced) | 16 + 8 bytes of the trace, if it is | batch
 * (record-batch.ts). The batch comes last, as a view.
 */
export interface AppendRequest {
  readonly groupId: number;
  /** PROVISIONED stream with quotas on: the leader charges the shard's token buckets. */
  readonly quotas: boolean;
  /** Only where the process that asks is traced. */
  readonly trace?: TraceContext;
  readonly batch: Buffer;
}

export const APPEND_PREFIX_SIZE_BYTES = 9;
const TRACE_ID_SIZE_BYTES = 16;
const SPAN_ID_SIZE_BYTES = 8;
const APPEND_FLAG_QUOTAS = 1;
const APPEND_FLAG_TRACED = 2;

/** The piece that goes before the batch. */
export function encodeAppendPrefix(groupId: number, quotas: boolean, trace?: TraceContext): Buffer {
  const flags = (quotas ? APPEND_FLAG_QUOTAS : 0) | (trace === undefined ? 0 : APPEND_FLAG_TRACED);
  const prefix = new BinaryWriter(APPEND_PREFIX_SIZE_BYTES).u64(groupId).u8(flags).finish();
  if (trace === undefined) return prefix;
  return Buffer.concat([prefix, Buffer.from(trace.traceId + trace.spanId, "hex")]);
}

export function decodeAppendRequest(body: Buffer): AppendRequest {
  const reader = readerOf(body);
  const groupId = reader.u64();
  const flags = reader.u8();
  const quotas = (flags & APPEND_FLAG_QUOTAS) !== 0;
  const rest = reader.rest();
  if ((flags & APPEND_FLAG_TRACED) === 0) return { groupId, quotas, batch: rest };
  const batchAt = TRACE_ID_SIZE_BYTES + SPAN_ID_SIZE_BYTES;
  const traceId = rest.toString("hex", 0, TRACE_ID_SIZE_BYTES);
  const spanId = rest.toString("hex", TRACE_ID_SIZE_BYTES, batchAt);
  return { groupId, quotas, trace: { traceId, spanId }, batch: rest.subarray(batchAt) };
}

/** Where the batch stands. A repeated batch id gives the first attempt's answer; its count may be smaller. */
export interface AppendResult {
  readonly baseOffset: number;
  readonly arrivalTimeMs: number;
  readonly recordCount: number;
}

export function encodeAppendResult(result: AppendResult): Buffer {
  return new BinaryWriter(20).u64(result.baseOffset).u64(result.arrivalTimeMs).u32(result.recordCount).finish();
}

export function decodeAppendResult(body: Buffer): AppendResult {
  const reader = readerOf(body);
  return { baseOffset: reader.u64(), arrivalTimeMs: reader.u64(), recordCount: reader.u32() };
}

/** Answer `throttled`: a prefix of the batch within both figures would pass now. */
export interface ThrottledAnswer {
  readonly recordsAvailable: number;
  readonly bytesAvailable: number;
}

export function encodeThrottled(answer: ThrottledAnswer): Buffer {
  return new BinaryWriter(8).u32(answer.recordsAvailable).u32(answer.bytesAvailable).finish();
}

export function decodeThrottled(body: Buffer): ThrottledAnswer {
  const reader = readerOf(body);
  return { recordsAvailable: reader.u32(), bytesAvailable: reader.u32() };
}

/** Committed batches from `fromOffset` on (below the start: from the start). */
export interface ReadRequest {
  readonly groupId: number;
  readonly fromOffset: number;
  /** The answer stops before passing this, but holds at least one batch if there is one. */
  readonly bytesMax: number;
  /** Charge the shard's read quota (5 reads and 2 MiB a second). */
  readonly quotas: boolean;
  /** Any replica may answer with what it knows to be committed; else only the leader. */
  readonly anyReplica: boolean;
}

export function encodeReadRequest(request: ReadRequest): Buffer {
  const flags = (request.quotas ? 1 : 0) | (request.anyReplica ? 2 : 0);
  return new BinaryWriter(21).u64(request.groupId).u64(request.fromOffset).u32(request.bytesMax).u8(flags).finish();
}

export function decodeReadRequest(body: Buffer): ReadRequest {
  const reader = readerOf(body);
  const groupId = reader.u64();
  const fromOffset = reader.u64();
  const bytesMax = reader.u32();
  const flags = reader.u8();
  return { groupId, fromOffset, bytesMax, quotas: (flags & 1) !== 0, anyReplica: (flags & 2) !== 0 };
}

/** The shard as the answering replica knows it. */
export interface ShardPosition {
  /** Oldest offset that is still there (retention). */
  readonly startOffset: number;
  /** One past the newest committed record. */
  readonly endOffset: number;
  /** Arrival time of the newest committed record, epoch ms; 0 when the shard never had one. */
  readonly lastArrivalTimeMs: number;
  /** No record follows endOffset, ever. */
  readonly closed: boolean;
}

export interface ReadResult extends ShardPosition {
  /** Whole batches, one after another; the first may begin before the offset asked for. A view. */
  readonly batches: Buffer;
}

export const READ_RESULT_PREFIX_SIZE_BYTES = 25;

/** The piece that goes before the batches. */
export function encodeReadResultPrefix(position: ShardPosition): Buffer {
  return writePosition(new BinaryWriter(READ_RESULT_PREFIX_SIZE_BYTES), position).finish();
}

export function decodeReadResult(body: Buffer): ReadResult {
  const reader = readerOf(body);
  const { startOffset, endOffset, lastArrivalTimeMs, closed } = readPosition(reader);
  return { startOffset, endOffset, lastArrivalTimeMs, closed, batches: reader.rest() };
}

/** Where an iterator points. Answered by the leader after a ReadIndex round, so that `tail` misses no acknowledged put. */
export interface LocateRequest {
  readonly groupId: number;
  readonly target: "tail" | "time";
  /** For `time`: the first record that arrived then or later. Epoch ms. */
  readonly timeMs: number;
}

export function encodeLocateRequest(request: LocateRequest): Buffer {
  return new BinaryWriter(17)
    .u64(request.groupId)
    .u8(request.target === "time" ? 1 : 0)
    .u64(request.timeMs)
    .finish();
}

export function decodeLocateRequest(body: Buffer): LocateRequest {
  const reader = readerOf(body);
  return { groupId: reader.u64(), target: reader.u8() === 1 ? "time" : "tail", timeMs: reader.u64() };
}

export interface LocateResult extends ShardPosition {
  /** For `time` with no such record yet, and for `tail`: endOffset. */
  readonly offset: number;
}

export function encodeLocateResult(result: LocateResult): Buffer {
  return writePosition(new BinaryWriter(33), result).u64(result.offset).finish();
}

export function decodeLocateResult(body: Buffer): LocateResult {
  const reader = readerOf(body);
  const { startOffset, endOffset, lastArrivalTimeMs, closed } = readPosition(reader);
  return { startOffset, endOffset, lastArrivalTimeMs, closed, offset: reader.u64() };
}

/** One subscription of a consumer to a shard, at its leader. `first` asks for it, `renewal` keeps it, `release` gives it up. */
export interface ClaimRequest {
  readonly groupId: number;
  readonly kind: "first" | "renewal" | "release";
  /** By the wall clock of who subscribes. */
  readonly startedMs: number;
  /** 32 hexadecimal digits, of this subscription alone. */
  readonly subscriptionId: string;
  /** Names the consumer, the same for all who ask. */
  readonly consumer: string;
}

/** `inUse`: another one began a moment ago. `superseded`: a later one has taken over. */
export type ClaimVerdict = "granted" | "inUse" | "superseded";

const CLAIM_KINDS = ["first", "renewal", "release"] as const;
const CLAIM_VERDICTS = ["granted", "inUse", "superseded"] as const;
const SUBSCRIPTION_ID_SIZE_BYTES = 16;

export function encodeClaimRequest({ groupId, kind, startedMs, subscriptionId, consumer }: ClaimRequest): Buffer {
  const head = new BinaryWriter(17).u64(groupId).u8(CLAIM_KINDS.indexOf(kind)).u64(startedMs).finish();
  return Buffer.concat([head, Buffer.from(subscriptionId, "hex"), Buffer.from(consumer)]);
}

/** @throws RangeError */
export function decodeClaimRequest(body: Buffer): ClaimRequest {
  const reader = readerOf(body);
  const groupId = reader.u64();
  const kind = CLAIM_KINDS[reader.u8()];
  const startedMs = reader.u64();
  const rest = reader.rest();
  if (kind === undefined || rest.length < SUBSCRIPTION_ID_SIZE_BYTES) throw new RangeError("a claim is malformed");
  const subscriptionId = rest.toString("hex", 0, SUBSCRIPTION_ID_SIZE_BYTES);
  return { groupId, kind, startedMs, subscriptionId, consumer: rest.toString("utf8", SUBSCRIPTION_ID_SIZE_BYTES) };
}

export function encodeClaimVerdict(verdict: ClaimVerdict): Buffer {
  return new BinaryWriter(1).u8(CLAIM_VERDICTS.indexOf(verdict)).finish();
}

/** @throws RangeError */
export function decodeClaimVerdict(body: Buffer): ClaimVerdict {
  const verdict = CLAIM_VERDICTS[readerOf(body).u8()];
  if (verdict === undefined) throw new RangeError("a verdict that is not known here");
  return verdict;
}

function writePosition(writer: BinaryWriter, position: ShardPosition): BinaryWriter {
  return writer
    .u64(position.startOffset)
    .u64(position.endOffset)
    .u64(position.lastArrivalTimeMs)
    .u8(position.closed ? 1 : 0);
}

function readPosition(reader: BinaryReader): ShardPosition {
  return {
    startOffset: reader.u64(),
    endOffset: reader.u64(),
    lastArrivalTimeMs: reader.u64(),
    closed: reader.u8() === 1,
  };
}
