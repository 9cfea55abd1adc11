import { AWS_ERRORS, awsError } from "../errors.ts";
import { rehearseCall } from "../faults.ts";
import type { PutRecordsResultEntry } from "../model/generated/kinesis-types.ts";
import { ByteWriter } from "../protocol/byte-writer.ts";
import { parsePut } from "../protocol/put-batch.ts";
import type { Encoding } from "../protocol/wire-value.ts";
import { serializeOutput } from "../protocol/write-output.ts";
import {
  checkSizes,
  isEncrypted,
  putHooks,
  type PutFailure,
  type PutOutcome,
  storeRecords,
  writableStream,
} from "../records/put-records.ts";
import type { Operation } from "./operation.ts";

const JSON_BYTES_PER_RECORD = 128;

export const putRecords: Operation = {
  name: "PutRecords",
  async respond(services, request) {
    const { encoding, body } = request;
    const put = parsePut("PutRecords", encoding, body, putHooks(services, request), request.allocate);
    const view = writableStream(services, put, request);
    checkSizes(put, view, (position) => `records.${position + 1}.member.data`);
    if (put.dryRun) throw awsError("DRY_RUN", {});
    await rehearseCall(services, view, request.signal);
    const outcome = await storeRecords(services, request, put, view);
    // When nothing at all could be stored, an SDK's own retry of the whole request is the better answer.
    if (outcome.failures.every((failure) => failure?.kind === "unavailable") && put.count > 0 && isFull(outcome)) {
      throw awsError("UNAVAILABLE", { text: "The stream's shards are not available. Retry: records are stored once." });
    }
    return { status: 200, body: writeResult(encoding, put.count, outcome) };
  },
};

/** `every` skips positions that were never set. */
function isFull({ sequenceNumbers }: PutOutcome): boolean {
  return !sequenceNumbers.some((number) => number !== undefined);
}

function failureFields(failure: PutFailure, { view }: PutOutcome): { code: string; message: string } {
  if (failure.kind === "unavailable") return { code: "InternalFailure", message: "Internal service failure." };
  const { name, accountId } = view.key;
  const fields = { shardId: failure.shardId, stream: name, accountId };
  const row = AWS_ERRORS.WRITE_RATE_EXCEEDED;
  return { code: row.name, message: row.message(fields) ?? "" };
}

/** Written straight into bytes, compactly: Fluent Bit looks for `"FailedRecordCount":0`. */
function writeResult(encoding: Encoding, count: number, outcome: PutOutcome): Buffer {
  const { sequenceNumbers, shardIds, failures } = outcome;
  let failedCount = 0;
  for (let i = 0; i < count; i++) if (failures[i] !== undefined) failedCount++;
  if (encoding === "cbor") {
    const Records = Array.from({ length: count }, (_, i) => entryOf(outcome, i));
    const encryption = isEncrypted(outcome.view) ? { EncryptionType: "KMS" as const } : {};
    return serializeOutput("PutRecords", encoding, { FailedRecordCount: failedCount, Records, ...encryption });
  }
  const writer = new ByteWriter(count * JSON_BYTES_PER_RECORD + 64);
  writer.ascii(`{"FailedRecordCount":${failedCount},"Records":[`);
  for (let i = 0; i < count; i++) {
    const failure = failures[i];
    if (i > 0) writer.ascii(",");
    if (failure === undefined) writer.ascii(`{"SequenceNumber":"${sequenceNumbers[i]}","ShardId":"${shardIds[i]}"}`);
    else {
      const { code, message } = failureFields(failure, outcome);
      writer.utf8(JSON.stringify({ ErrorCode: code, ErrorMessage: message }));
    }
  }
  writer.ascii(isEncrypted(outcome.view) ? '],"EncryptionType":"KMS"}' : "]}");
  return writer.finish();
}

function entryOf(outcome: PutOutcome, i: number): PutRecordsResultEntry {
  const failure = outcome.failures[i];
  if (failure === undefined) return { SequenceNumber: outcome.sequenceNumbers[i], ShardId: outcome.shardIds[i] };
  const { code, message } = failureFields(failure, outcome);
  return { ErrorCode: code, ErrorMessage: message };
}
