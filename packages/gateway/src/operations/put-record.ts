import { parseSequenceNumber } from "@millrace/proto";
import { awsError } from "../errors.ts";
import { rehearseCall } from "../faults.ts";
import { parsePut } from "../protocol/put-batch.ts";
import { serializeOutput } from "../protocol/write-output.ts";
import { checkSizes, isEncrypted, putHooks, storeRecords, writableStream } from "../records/put-records.ts";
import type { Operation } from "./operation.ts";

export const putRecord: Operation = {
  name: "PutRecord",
  async respond(services, request) {
    const { encoding, body } = request;
    const put = parsePut("PutRecord", encoding, body, putHooks(services, request), request.allocate);
    const view = writableStream(services, put, request);
    const { name, accountId } = view.key;
    checkSizes(put, view, () => "data");
    const floor = put.sequenceNumberForOrdering;
    if (floor !== undefined) {
      const parsed = parseSequenceNumber(floor);
      // What a shard of this stream gave bears its broker's time, which may be ahead of ours.
      const isOurs = view.shardByNumber(parsed?.shardNumber ?? -1)?.shard.createdAtS === parsed?.shardCreatedAtS;
      if (parsed === undefined || (!isOurs && parsed.timeS * 1_000 > services.clock.nowMs())) {
        throw awsError("INVALID_MINIMUM_SEQUENCE_NUMBER", { sequenceNumber: floor, stream: name, accountId });
      }
    }
    if (put.dryRun) throw awsError("DRY_RUN", {});
    await rehearseCall(services, view, request.signal);
    const { shardIds, sequenceNumbers, failures } = await storeRecords(services, request, put, view);
    const [failure] = failures;
    if (failure?.kind === "throttled") {
      throw awsError("WRITE_RATE_EXCEEDED", { shardId: failure.shardId, stream: name, accountId });
    }
    const [shardId] = shardIds;
    const [sequenceNumber] = sequenceNumbers;
    if (failure !== undefined || shardId === undefined || sequenceNumber === undefined) {
      throw awsError("UNAVAILABLE", { text: "The record's shard is not available. Retry: it is stored once." });
    }
    return {
      status: 200,
      body: serializeOutput("PutRecord", encoding, {
        ShardId: shardId,
        SequenceNumber: sequenceNumber,
        ...(isEncrypted(view) ? { EncryptionType: "KMS" as const } : {}),
      }),
    };
  },
};
