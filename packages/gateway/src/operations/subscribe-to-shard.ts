import { ShardGone, type ShardView } from "@millrace/client";
import { type Consumer, formatSequenceNumber, formatShardId, parseShardId, type StoredRecord } from "@millrace/proto";
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
import { stepsOf } from "../records/subscription-steps.ts";
import { kinesisRecord } from "../records/write-records.ts";
import { consumerArn, consumerOf } from "../resources.ts";
import { offsetOf } from "./get-shard-iterator.ts";
import type { Operation, Services } from "./operation.ts";

const LIFETIME_MS = 300_000;
/** Whatever is waited for, records or the quota: clients give up after ten seconds of silence. */
const IDLE_EVENT_EVERY_MS = 4_000;
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
    const claimed = await claimSubscription(services, shard, consumerArn(view, consumer), request.signal);
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
  const { clock, metadata } = services;
  const finished = new AbortController();
  const deregistration = deregistrationOf(metadata, shard.stream, consumer);
  const over = AbortSignal.any([signal, subscription.superseded, deregistration.signal, finished.signal]);
  const deadlineMs = clock.monotonicMs() + LIFETIME_MS;
  const steps = stepsOf(services, shard, fromOffset, over);
  let coming = steps.next();
  let position: Position = { nextOffset: fromOffset, millisBehindLatest: 0 };
  try {
    yield encodeInitialResponse();
    let eventDueMs = clock.monotonicMs() + IDLE_EVENT_EVERY_MS;
    while (!over.aborted && clock.monotonicMs() < deadlineMs) {
      const step = await within(coming, Math.min(eventDueMs, deadlineMs) - clock.monotonicMs(), services);
      if (over.aborted || step?.done === true) break;
      if (step === undefined) {
        yield event(services, shard, position, []);
      } else if ("childShards" in step.value) {
        const { childShards } = step.value;
        yield encodeModelEvent("SubscribeToShardEvent", {
          Records: [],
          MillisBehindLatest: 0,
          ChildShards: childShards,
        });
        return;
      } else {
        const { page } = step.value;
        for (;;) {
          const { records, nextOffset, dataBytes } = collectRecords(page, position.nextOffset, EVENT_LIMITS);
          const last = records.at(-1);
          if (last === undefined) break;
          const ageMs = Math.max(0, clock.nowMs() - last.arrivalTimeMs);
          services.streamMetrics.read(shard.stream, records.length, dataBytes, ageMs);
          const behindMs = Math.max(1, page.lastArrivalTimeMs - last.arrivalTimeMs);
          position = { nextOffset, millisBehindLatest: nextOffset < page.endOffset ? behindMs : 0 };
          yield event(services, shard, position, records);
        }
        coming = steps.next();
      }
      eventDueMs = clock.monotonicMs() + IDLE_EVENT_EVERY_MS;
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
    // Whoever stops between two pages still holds the one before: without this its broker's connection would keep it for ever.
    void Promise.allSettled([coming, steps.return()]);
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

/** Of the reader, after the latest event. */
interface Position {
  readonly nextOffset: number;
  readonly millisBehindLatest: number;
}

/** The continuation is the number of the last record before `nextOffset`, or would be: AFTER it loses and repeats nothing. */
function event(
  { clock }: Services,
  shard: ShardView,
  { nextOffset, millisBehindLatest }: Position,
  records: readonly StoredRecord[],
): Buffer {
  return encodeModelEvent("SubscribeToShardEvent", {
    Records: records.map((record) => kinesisRecord(shard, record)),
    ContinuationSequenceNumber: formatSequenceNumber({
      shardCreatedAtS: shard.shard.createdAtS,
      shardNumber: shard.shard.number,
      index: BigInt(Math.max(0, nextOffset - 1)),
      timeS: Math.floor((records.at(-1)?.arrivalTimeMs ?? clock.nowMs()) / 1_000),
    }),
    MillisBehindLatest: millisBehindLatest,
  });
}
