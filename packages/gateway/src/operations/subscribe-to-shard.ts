import { ShardGone, type ShardView } from "@millrace/client";
import { type Consumer, formatSequenceNumber, formatShardId, parseShardId, type ReadResult } from "@millrace/proto";
import { MIB } from "@millrace/util";
import { checkAccess } from "../access.ts";
import { type AwsError, awsError } from "../errors.ts";
import { rehearseCall } from "../faults.ts";
import type { ApiRequest } from "../http/api-types.ts";
import { encodeInitialResponse, encodeModelEvent, EVENT_STREAM_CONTENT_TYPE } from "../protocol/event-stream.ts";
import { parseInput } from "../protocol/read-input.ts";
import { type ClaimedSubscription, claimSubscription } from "../records/claim-subscription.ts";
import { collectRecords } from "../records/collect-records.ts";
import { deregistrationOf } from "../records/deregistration.ts";
import { kinesisRecord } from "../records/write-records.ts";
import { consumerArn, consumerOf } from "../resources.ts";
import { childShardsOf } from "../streams.ts";
import { offsetOf } from "./get-shard-iterator.ts";
import type { Operation, Services } from "./operation.ts";

const LIFETIME_MS = 300_000;
/** Clients give up after ten seconds of silence. */
const IDLE_EVENT_EVERY_MS = 4_000;
const CHILDREN_WAIT_MS = 10_000;
const BYTES_PER_SECOND = 2 * MIB;
const EVENT_LIMITS = { recordsMax: 10_000, bytesMax: 2 * MIB };

/** Enhanced fan-out: events over one HTTP/2 stream, pushed as records commit. AWS: SubscribeToShard. */
export const subscribeToShard: Operation = {
  name: "SubscribeToShard",
  async respond(services, request) {
    const input = parseInput("SubscribeToShard", request.encoding, request.body);
    checkAccess(input.ConsumerARN, request);
    const { view, consumer } = consumerOf(services.metadata, input.ConsumerARN, request);
    const { name: stream, accountId } = view.key;
    const number = parseShardId(input.ShardId);
    if (number === undefined || Number.isNaN(number)) {
      throw awsError("SHARD_NOT_FOUND", { shardId: input.ShardId, stream, accountId });
    }
    const shard = view.shardByNumber(number);
    if (shard === undefined) {
      throw awsError("SHARD_DOES_NOT_EXIST", { shardId: formatShardId(number), stream, accountId });
    }
    if (input.DryRun === true) throw awsError("DRY_RUN", {});
    await rehearseCall(services, view, request.signal);
    const { Type, SequenceNumber, Timestamp } = input.StartingPosition;
    const start = { ShardIteratorType: Type, StartingSequenceNumber: SequenceNumber, Timestamp };
    const offset = await offsetOf(start, shard, services, request);
    const claimed = await claimSubscription(services, shard, input.ConsumerARN, request.signal);
    if (claimed === "inUse") throw inUse(shard, consumer);
    return {
      contentType: EVENT_STREAM_CONTENT_TYPE,
      stream: events(services, request, shard, consumer, offset, claimed),
    };
  },
};

function inUse({ shardId, stream }: ShardView, consumer: Consumer): AwsError {
  const { name, accountId } = stream.key;
  return awsError("SUBSCRIPTION_IN_USE", { shardId, stream: name, accountId, consumer: consumer.name });
}

function deregistered({ stream }: ShardView, consumer: Consumer): AwsError {
  const { accountId } = stream.key;
  return awsError("CONSUMER_NOT_FOUND", { consumer: consumerArn(stream, consumer), accountId });
}

async function* events(
  services: Services,
  { signal }: ApiRequest,
  shard: ShardView,
  consumer: Consumer,
  fromOffset: number,
  subscription: ClaimedSubscription,
): AsyncGenerator<Uint8Array> {
  const { clock, router, metadata, hasQuotas } = services;
  const finished = new AbortController();
  const deregistration = deregistrationOf(metadata, shard.stream, consumer);
  const over = AbortSignal.any([signal, subscription.superseded, deregistration.signal, finished.signal]);
  const deadlineMs = clock.monotonicMs() + LIFETIME_MS;
  const isPaced = hasQuotas && shard.stream.stream.mode === "PROVISIONED";
  let nextOffset = fromOffset;
  let paidUntilMs = clock.monotonicMs();
  const pages = router.subscribe(shard.groupId, fromOffset, over)[Symbol.asyncIterator]();
  try {
    yield encodeInitialResponse();
    let page = pages.next();
    while (!over.aborted && clock.monotonicMs() < deadlineMs) {
      const waitMs = Math.min(IDLE_EVENT_EVERY_MS, deadlineMs - clock.monotonicMs());
      const result = await within(page, waitMs, services);
      if (over.aborted) break;
      if (result === undefined) {
        yield event(services, shard, nextOffset, undefined);
        continue;
      }
      if (result.done === true) {
        const childShards = await childrenOf(services, shard, over);
        yield encodeModelEvent("SubscribeToShardEvent", {
          Records: [],
          MillisBehindLatest: 0,
          ChildShards: childShards,
        });
        return;
      }
      for (;;) {
        const { records, nextOffset: end, dataBytes } = collectRecords(result.value, nextOffset, EVENT_LIMITS);
        if (records.length === 0) break;
        const ageMs = clock.nowMs() - (records.at(-1)?.arrivalTimeMs ?? 0);
        services.streamMetrics.read(shard.stream, records.length, dataBytes, Math.max(0, ageMs));
        nextOffset = end;
        yield event(services, shard, nextOffset, { result: result.value, records });
      }
      if (isPaced) {
        paidUntilMs = Math.max(paidUntilMs, clock.monotonicMs() - 1_000);
        paidUntilMs += (result.value.batches.length / BYTES_PER_SECOND) * 1_000;
        const aheadMs = paidUntilMs - clock.monotonicMs();
        if (aheadMs > 0) await clock.sleep(aheadMs);
      }
      page = pages.next();
    }
    if (deregistration.signal.aborted) throw deregistered(shard, consumer);
    if (subscription.superseded.aborted) throw inUse(shard, consumer);
  } catch (error) {
    if (!(error instanceof ShardGone)) throw error;
    const { name: stream, accountId } = shard.stream.key;
    throw awsError("STREAM_NOT_FOUND", { stream, accountId }, { cause: error });
  } finally {
    finished.abort();
    deregistration.stop();
    await subscription.end();
  }
}

/** Undefined when nothing came in time; what was asked for is still asked for. */
async function within<T>(promise: Promise<T>, waitMs: number, { clock }: Services): Promise<T | undefined> {
  let cancel: (() => void) | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    const timer = clock.setTimer(waitMs, () => resolve(undefined));
    cancel = () => timer.cancel();
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    cancel?.();
  }
}

interface EventRecords {
  readonly result: ReadResult;
  readonly records: ReturnType<typeof collectRecords>["records"];
}

/** The continuation is the number of the last record before `nextOffset`, or would be: AFTER it loses and repeats nothing. */
function event({ clock }: Services, shard: ShardView, nextOffset: number, page: EventRecords | undefined): Buffer {
  const last = page?.records.at(-1);
  const nowMs = clock.nowMs();
  const isBehind = page !== undefined && nextOffset < page.result.endOffset;
  return encodeModelEvent("SubscribeToShardEvent", {
    Records: page?.records.map((record) => kinesisRecord(shard, record)) ?? [],
    ContinuationSequenceNumber: formatSequenceNumber({
      shardCreatedAtS: shard.shard.createdAtS,
      shardNumber: shard.shard.number,
      index: BigInt(Math.max(0, nextOffset - 1)),
      timeS: Math.floor((last?.arrivalTimeMs ?? nowMs) / 1_000),
    }),
    MillisBehindLatest: isBehind ? Math.max(1, page.result.lastArrivalTimeMs - (last?.arrivalTimeMs ?? 0)) : 0,
  });
}

/** They become known with the parent's end, a moment after its last record. */
async function childrenOf({ metadata, clock }: Services, shard: ShardView, signal: AbortSignal) {
  const deadlineMs = clock.monotonicMs() + CHILDREN_WAIT_MS;
  for (;;) {
    const current = metadata.streamById(shard.stream.stream.streamId)?.shardByNumber(shard.shard.number);
    const children = current === undefined ? [] : childShardsOf(current);
    const leftMs = deadlineMs - clock.monotonicMs();
    if (children.length > 0 || signal.aborted || leftMs <= 0) return children;
    await metadata.waitForVersion(metadata.version + 1, leftMs, signal);
  }
}
