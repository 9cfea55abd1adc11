import type { OperationName } from "../model/shapes.ts";
import { createStream } from "./create-stream.ts";
import { deleteStream } from "./delete-stream.ts";
import { describeLimits } from "./describe-limits.ts";
import { describeStream } from "./describe-stream.ts";
import { describeStreamSummary } from "./describe-stream-summary.ts";
import { getRecords } from "./get-records.ts";
import { getShardIterator } from "./get-shard-iterator.ts";
import { listShards } from "./list-shards.ts";
import { listStreams } from "./list-streams.ts";
import type { Operation } from "./operation.ts";
import { putRecord } from "./put-record.ts";
import { putRecords } from "./put-records.ts";

/** The one place to add an operation. */
const OPERATIONS: readonly Operation[] = [
  createStream,
  deleteStream,
  describeLimits,
  describeStream,
  describeStreamSummary,
  getRecords,
  getShardIterator,
  listShards,
  listStreams,
  putRecord,
  putRecords,
];

export const OPERATION_TABLE: ReadonlyMap<OperationName, Operation> = new Map(
  OPERATIONS.map((operation) => [operation.name, operation]),
);
