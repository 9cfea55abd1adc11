import { readBatchHeader, recordsOf } from "@millrace/proto";
import { assert, defined } from "@millrace/util";
import { BatchBuilder } from "../batch-builder.ts";
import type { ShardView, StreamView } from "../stream-view.ts";
import type { Delivery } from "./delivery.ts";
import { shardFor } from "./record-routing.ts";
import type { PendingBatch } from "./shard-queue.ts";

/** Shard numbers of parents, grandparents and so on, as far as the stream still has them. */
export function ancestorsOf({ shard, stream }: ShardView): number[] {
  const found = new Set<number>();
  const toVisit = [shard.parent, shard.adjacentParent];
  for (let number = toVisit.pop(); number !== undefined; number = toVisit.pop()) {
    if (number < 0 || found.has(number)) continue;
    found.add(number);
    const ancestor = stream.shardByNumber(number)?.shard;
    if (ancestor !== undefined) toVisit.push(ancestor.parent, ancestor.adjacentParent);
  }
  return [...found];
}

interface Part {
  readonly builder: BatchBuilder;
  readonly deliveries: Delivery[];
}

/** One batch for each open shard that owns some of the records. Undefined when a record has no owner. */
export function repack(
  { batch, deliveries, order, deadlineMs }: PendingBatch,
  view: StreamView,
  seal: (builder: BatchBuilder) => Buffer,
): { shard: ShardView; part: PendingBatch }[] | undefined {
  const parts = new Map<ShardView, Part>();
  let index = 0;
  for (const { partitionKey, explicitHashKey, data } of recordsOf(batch, 0, readBatchHeader(batch))) {
    const key = defined(partitionKey, "a producer's records have keys");
    const shard = shardFor(view, { key, explicitHashKey });
    if (shard === undefined) return undefined;
    let part = parts.get(shard);
    if (part === undefined) {
      part = { builder: new BatchBuilder(), deliveries: [] };
      parts.set(shard, part);
    }
    part.builder.addRecord(key, 0, key.length, data, 0, data.length, explicitHashKey);
    part.deliveries.push(defined(deliveries[index++], "every record has somebody to tell"));
  }
  assert(index === deliveries.length, "every delivery has a record");
  return [...parts].map(([shard, part]) => ({
    shard,
    part: { order, deadlineMs, deliveries: part.deliveries, batch: seal(part.builder) },
  }));
}
