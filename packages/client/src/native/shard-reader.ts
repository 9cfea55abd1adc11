import {
  type LocateRequest,
  type ReadResult,
  readBatchHeader,
  recordsOf,
  type StoredRecord,
  verifyBatch,
} from "@millrace/proto";
import type { Clock } from "@millrace/util";
import { ShardUnavailable } from "../errors.ts";
import type { ShardView } from "../stream-view.ts";
import type { ShardRouter } from "../types.ts";
import type { ConsumedRecord } from "./consumed-record.ts";
import type { ShardStart } from "./start-position.ts";

/** Records of one shard, in order. */
export interface RecordPage<R extends ConsumedRecord = ConsumedRecord> {
  readonly shardId: string;
  readonly records: readonly R[];
  /** Between the last of these records and the newest in the shard, by arrival. 0 at the tip. */
  readonly millisBehindLatest: number;
}

export interface ShardReaderOptions {
  readonly shard: ShardView;
  readonly router: ShardRouter;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const LOCATE_TIMEOUT_MS = 5_000;
const LOCATE_AGAIN_AFTER_MS = 50;

/** The offset that a position stands for. Waits as long as the shard has no leader. @throws ShardGone, and the abort's reason */
export async function offsetOf(
  start: ShardStart,
  { shard, router, clock, signal }: ShardReaderOptions,
): Promise<number> {
  if (start.type === "offset") return start.offset;
  const request: LocateRequest = {
    groupId: shard.groupId,
    target: start.type,
    timeMs: start.type === "time" ? start.timeMs : 0,
  };
  for (;;) {
    try {
      const { offset } = await router.locate(request, { timeoutMs: LOCATE_TIMEOUT_MS, signal });
      return offset;
    } catch (error) {
      if (!(error instanceof ShardUnavailable) || error.reason === "closed") throw error;
      await clock.sleep(LOCATE_AGAIN_AFTER_MS, signal);
    }
  }
}

export type MakeRecord<R extends ConsumedRecord> = (shard: ShardView, stored: StoredRecord) => R;

/** All that follows `fromOffset`, as it commits. Ends after a closed shard's last record. @throws ShardGone, MalformedBatch */
export async function* pagesOf<R extends ConsumedRecord>(
  fromOffset: number,
  { shard, router, signal }: ShardReaderOptions,
  make: MakeRecord<R>,
): AsyncGenerator<RecordPage<R>, void, void> {
  let nextOffset = fromOffset;
  for await (const result of router.subscribe(shard.groupId, fromOffset, signal)) {
    const records = recordsFrom(result, nextOffset, shard, make);
    const last = records.at(-1);
    if (last === undefined) continue;
    nextOffset = last.offset + 1;
    const isBehind = nextOffset < result.endOffset;
    const millisBehindLatest = isBehind ? Math.max(1, result.lastArrivalTimeMs - last.arrivalTimeMs) : 0;
    yield { shardId: shard.shardId, records, millisBehindLatest };
  }
}

/** @throws MalformedBatch */
function recordsFrom<R extends ConsumedRecord>(
  { batches }: ReadResult,
  fromOffset: number,
  shard: ShardView,
  make: MakeRecord<R>,
): R[] {
  const records: R[] = [];
  for (let at = 0; at < batches.length;) {
    const header = readBatchHeader(batches, at);
    verifyBatch(batches, at, header);
    for (const stored of recordsOf(batches, at, header)) {
      if (stored.offset >= fromOffset) records.push(make(shard, stored));
    }
    at += header.sizeBytes;
  }
  return records;
}
