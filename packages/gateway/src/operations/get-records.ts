import { type RoutedReadResult, ShardGone, type ShardView, ShardThrottled, ShardUnavailable } from "@millrace/client";
import { formatShardId } from "@millrace/proto";
import { MIB } from "@millrace/util";
import { checkAccess } from "../access.ts";
import { awsError } from "../errors.ts";
import { isExpiredByFault, isThrottledByFault, rehearseCall } from "../faults.ts";
import type { ApiRequest } from "../http/api-types.ts";
import { parseInput } from "../protocol/read-input.ts";
import { collectRecords } from "../records/collect-records.ts";
import { writeRecordsPage } from "../records/write-records.ts";
import { childShardsOf, streamArn } from "../streams.ts";
import { type IteratorPosition, TOKEN_LIFETIME_MS } from "../tokens.ts";
import type { Operation, Services } from "./operation.ts";

const RECORDS_MAX = 10_000;
const PAGE_BYTES_MAX = 10 * MIB;
/** A small Limit does not need a large page from the broker. */
const BYTES_PER_RECORD_AIM = 16 * 1_024;
const BYTES_ASKED_MIN = 256 * 1_024;
const READ_TIMEOUT_MS = 8_000;

/** The other half of the data path: records go from the broker's bytes into the answer's, without objects between. */
export const getRecords: Operation = {
  name: "GetRecords",
  async respond(services, request) {
    const input = parseInput("GetRecords", request.encoding, request.body);
    const position = openIterator(services, input.ShardIterator);
    const shard = shardOf(services, position, request, input.StreamARN);
    if (input.DryRun === true) throw awsError("DRY_RUN", {});
    await rehearse(services, shard, position, request);
    const limit = Math.min(input.Limit ?? RECORDS_MAX, RECORDS_MAX);
    const result = await read(services, shard, position.offset, limit, request.signal);
    const page = collectRecords(result, position.offset, { recordsMax: limit, bytesMax: PAGE_BYTES_MAX });
    const isEnd = result.closed && page.nextOffset >= result.endOffset;
    const childShards = isEnd ? childShardsOf(shard) : [];
    const { streamId, shardNumber } = position;
    const createdMs = services.clock.nowMs();
    // Children that are not known here yet come with the next version of the metadata: the end is told then.
    const nextShardIterator =
      childShards.length > 0
        ? undefined
        : services.tokens.sealIterator({ createdMs, streamId, shardNumber, offset: page.nextOffset });
    const isAtTip = page.nextOffset >= result.endOffset;
    const behindMs = Math.max(1, result.lastArrivalTimeMs - (page.lastArrivalTimeMs ?? 0));
    // Without a leader nobody knows whether this is the tip: then it is not said.
    const notLessMs = isAtTip || page.lastArrivalTimeMs === undefined ? 1 : behindMs;
    const millisBehindLatest = isAtTip && result.isCurrent ? 0 : notLessMs;
    // As CloudWatch counts it: how old the last record is that was read, against now; nothing to read is no age.
    const ageMs = isAtTip ? 0 : createdMs - (page.lastArrivalTimeMs ?? createdMs);
    services.streamMetrics.read(shard.stream, page.records.length, page.dataBytes, Math.max(0, ageMs));
    const rest = { nextShardIterator, millisBehindLatest, childShards };
    return { status: 200, body: writeRecordsPage(request.encoding, shard, page, rest) };
  },
};

/** @throws AwsError */
async function rehearse(
  services: Services,
  { shardId, stream }: ShardView,
  { createdMs }: IteratorPosition,
  { signal }: ApiRequest,
): Promise<void> {
  await rehearseCall(services, stream, signal);
  const { name, accountId } = stream.key;
  if (isThrottledByFault(stream, services.random.next()))
    throw awsError("READ_RATE_EXCEEDED", { shardId, stream: name, accountId });
  if (!isExpiredByFault(services, stream)) return;
  const nowMs = createdMs + TOKEN_LIFETIME_MS + 1_000;
  throw awsError("EXPIRED_ITERATOR", { createdMs, nowMs, toleranceMs: TOKEN_LIFETIME_MS });
}

/** Quotes around it come from shells, and the service takes them. */
function openIterator({ tokens, clock }: Services, text: string): IteratorPosition {
  const bare = text.length > 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
  const position = tokens.openIterator(bare);
  if (position === undefined) throw awsError("INVALID_ITERATOR", {});
  const nowMs = clock.nowMs();
  if (nowMs - position.createdMs > TOKEN_LIFETIME_MS) {
    throw awsError("EXPIRED_ITERATOR", { createdMs: position.createdMs, nowMs, toleranceMs: TOKEN_LIFETIME_MS });
  }
  return position;
}

function shardOf(
  { metadata }: Services,
  { streamId, shardNumber }: IteratorPosition,
  request: ApiRequest,
  arn: string | undefined,
): ShardView {
  const view = metadata.streamById(streamId);
  const shardId = formatShardId(shardNumber);
  const key = view?.key ?? metadata.removedKey(streamId);
  if (key === undefined) throw awsError("RESOURCE_NOT_FOUND", { text: `The stream of shard ${shardId} was deleted.` });
  checkAccess(streamArn({ key }), request);
  const shard = view?.shardByNumber(shardNumber);
  if (shard === undefined) {
    throw awsError("SHARD_DOES_NOT_EXIST", { shardId, stream: key.name, accountId: key.accountId });
  }
  if (arn !== undefined && arn !== streamArn({ key })) throw awsError("INVALID_ITERATOR", {});
  return shard;
}

async function read(
  { router, hasQuotas, streamMetrics }: Services,
  { groupId, shardId, stream }: ShardView,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<RoutedReadResult> {
  const bytesMax = Math.min(PAGE_BYTES_MAX, Math.max(BYTES_ASKED_MIN, limit * BYTES_PER_RECORD_AIM));
  const quotas = hasQuotas && stream.stream.mode === "PROVISIONED";
  const { name, accountId } = stream.key;
  try {
    const request = { groupId, fromOffset: offset, bytesMax, quotas, anyReplica: false };
    return await router.read(request, { timeoutMs: READ_TIMEOUT_MS, signal });
  } catch (error) {
    const fields = { shardId, stream: name, accountId };
    if (error instanceof ShardThrottled) {
      streamMetrics.readThrottled(stream);
      throw awsError("READ_RATE_EXCEEDED", fields, { cause: error });
    }
    if (error instanceof ShardGone) throw awsError("SHARD_DOES_NOT_EXIST", fields, { cause: error });
    if (!(error instanceof ShardUnavailable)) throw error;
    throw awsError("UNAVAILABLE", { text: `${shardId} is not available. Retry the request.` }, { cause: error });
  }
}
