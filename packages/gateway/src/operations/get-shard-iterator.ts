import { type ShardView, ShardGone, ShardUnavailable } from "@millrace/client";
import { formatShardId, parseSequenceNumber, parseShardId, type LocateRequest } from "@millrace/proto";
import { awsError } from "../errors.ts";
import { rehearseCall } from "../faults.ts";
import type { ApiRequest } from "../http/api-types.ts";
import type { GetShardIteratorInput } from "../model/generated/kinesis-types.ts";
import { streamNameOf } from "../streams.ts";
import { defineOperation, type Services } from "./operation.ts";

/** Clients' clocks run ahead a little, and Flink asks for its own now. */
const FUTURE_TOLERANCE_MS = 5_000;
const LOCATE_TIMEOUT_MS = 8_000;
/** Offsets are exact as numbers up to here, the one after it included; sequence numbers have room for more. */
const OFFSET_BEHIND_ALL = BigInt(Number.MAX_SAFE_INTEGER - 1);

export const getShardIterator = defineOperation("GetShardIterator", async (input, services, request) => {
  const { accountId, region, name } = streamNameOf(input, request);
  const shardNumber = parseShardId(input.ShardId);
  if (shardNumber === undefined || Number.isNaN(shardNumber)) {
    throw awsError("SHARD_NOT_FOUND", { shardId: input.ShardId, stream: name, accountId });
  }
  const view = services.metadata.stream(accountId, region, name);
  const shard = view?.shardByNumber(shardNumber);
  if (view === undefined || shard === undefined || view.stream.status === "CREATING") {
    throw awsError("SHARD_DOES_NOT_EXIST", { shardId: formatShardId(shardNumber), stream: name, accountId });
  }
  if (input.DryRun === true) throw awsError("DRY_RUN", {});
  await rehearseCall(services, view, request.signal);
  const offset = await offsetOf(input, shard, services, request);
  const createdMs = services.clock.nowMs();
  const position = { createdMs, streamId: view.stream.streamId, shardNumber, offset };
  return { ShardIterator: services.tokens.sealIterator(position) };
});

/** @throws AwsError */
export async function offsetOf(
  input: Pick<GetShardIteratorInput, "ShardIteratorType" | "StartingSequenceNumber" | "Timestamp">,
  shard: ShardView,
  services: Services,
  { signal }: Pick<ApiRequest, "signal">,
): Promise<number> {
  const { ShardIteratorType: type, StartingSequenceNumber: number, Timestamp: timestampMs } = input;
  const isByNumber = type === "AT_SEQUENCE_NUMBER" || type === "AFTER_SEQUENCE_NUMBER";
  if (isByNumber !== (number !== undefined) && type !== "AT_TIMESTAMP") {
    throw awsError("ITERATOR_TYPE_AND_NUMBER", { type, hasSequenceNumber: number !== undefined });
  }
  switch (type) {
    case "TRIM_HORIZON":
      return 0;
    case "AT_SEQUENCE_NUMBER":
      return offsetOfNumber(number ?? "", shard);
    case "AFTER_SEQUENCE_NUMBER":
      return offsetOfNumber(number ?? "", shard) + 1;
    case "LATEST":
      return locate({ groupId: shard.groupId, target: "tail", timeMs: 0 }, shard, services, signal);
    case "AT_TIMESTAMP": {
      if (timestampMs === undefined) throw awsError("TIMESTAMP_MISSING", {});
      const nowMs = services.clock.nowMs();
      if (timestampMs > nowMs + FUTURE_TOLERANCE_MS) throw awsError("TIMESTAMP_IN_FUTURE", { timestampMs, nowMs });
      const timeMs = Math.max(0, Math.floor(timestampMs));
      return locate({ groupId: shard.groupId, target: "time", timeMs }, shard, services, signal);
    }
  }
}

function offsetOfNumber(text: string, { shard, shardId, stream }: ShardView): number {
  const fields = { sequenceNumber: text, shardId, stream: stream.key.name, accountId: stream.key.accountId };
  const number = parseSequenceNumber(text);
  if (number === undefined) throw awsError("STARTING_NUMBER_INVALID", fields);
  if (number.shardNumber !== shard.number) {
    const encodedShardId = formatShardId(number.shardNumber);
    throw awsError("STARTING_NUMBER_OTHER_SHARD", { encodedShardId, shardId });
  }
  if (number.shardCreatedAtS !== shard.createdAtS) throw awsError("STARTING_NUMBER_OTHER_STREAM", fields);
  // The ending number of a closed shard, and what no shard ever comes to: behind everything.
  if (number.index >= OFFSET_BEHIND_ALL) return Number(OFFSET_BEHIND_ALL);
  return Number(number.index);
}

async function locate(
  request: LocateRequest,
  { shardId, stream }: ShardView,
  { router }: Services,
  signal: AbortSignal,
): Promise<number> {
  try {
    return (await router.locate(request, { timeoutMs: LOCATE_TIMEOUT_MS, signal })).offset;
  } catch (error) {
    if (error instanceof ShardGone) {
      const { name, accountId } = stream.key;
      throw awsError("SHARD_DOES_NOT_EXIST", { shardId, stream: name, accountId }, { cause: error });
    }
    if (!(error instanceof ShardUnavailable)) throw error;
    throw awsError("UNAVAILABLE", { text: `${shardId} is not available. Retry the request.` }, { cause: error });
  }
}
