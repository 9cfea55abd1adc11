import { ShardGone, type ShardView } from "@millrace/client";
import type { ReadResult } from "@millrace/proto";
import { MIB } from "@millrace/util";
import type { ChildShard } from "../model/generated/kinesis-types.ts";
import type { Services } from "../operations/operation.ts";
import { childShardsOf } from "../streams.ts";

/** What a subscription has to tell: records, or the shard's end. */
export type SubscriptionStep = { readonly page: ReadResult } | { readonly childShards: readonly ChildShard[] };

const BYTES_PER_SECOND = 2 * MIB;
/** What was not used of it is not saved up for longer. */
const CREDIT_MS = 1_000;
/** The metadata is looked at after this time too, whether or not it has changed. */
const LOOK_EVERY_MS = 10_000;

/** A shard's pages, no faster than its quota allows, and the end when it has children. Ends when `over` aborts. @throws ShardGone */
export async function* stepsOf(
  services: Services,
  shard: ShardView,
  fromOffset: number,
  over: AbortSignal,
): AsyncGenerator<SubscriptionStep, void, void> {
  const { clock, router, hasQuotas } = services;
  const isPaced = hasQuotas && shard.stream.stream.mode === "PROVISIONED";
  let paidUntilMs = clock.monotonicMs();
  for await (const page of router.subscribe(shard.groupId, fromOffset, over)) {
    yield { page };
    if (!isPaced) continue;
    const nowMs = clock.monotonicMs();
    paidUntilMs = Math.max(paidUntilMs, nowMs - CREDIT_MS) + (page.batches.length / BYTES_PER_SECOND) * 1_000;
    // The next page is none when it is over.
    if (paidUntilMs > nowMs) await clock.sleep(paidUntilMs - nowMs, over).catch(() => undefined);
  }
  const childShards = await childrenOf(services, shard, over);
  if (childShards.length > 0) yield { childShards };
}

/**
 * They become known when all parents of the reshard are closed: a moment after this one's last record, or long after it while controllers
 * or other parents are away. An end without them would be taken for the end of the stream. @throws ShardGone
 */
async function childrenOf({ metadata }: Services, shard: ShardView, over: AbortSignal): Promise<ChildShard[]> {
  for (;;) {
    const current = metadata.shardByGroup(shard.groupId);
    if (current === undefined) throw new ShardGone(shard.groupId, "no");
    const children = childShardsOf(current);
    if (children.length > 0 || over.aborted) return children;
    await metadata.waitForVersion(metadata.version + 1, LOOK_EVERY_MS, over);
  }
}
