import type { LeaseChange__Output } from "@millrace/proto";
import type { Clock } from "@millrace/util";
import type { StreamView } from "../../stream-view.ts";
import type { ShardRouter } from "../../types.ts";
import { offsetOf } from "../shard-reader.ts";
import { planStart, type ShardStart, type StartPosition } from "../start-position.ts";

/** Where a group that has not begun yet begins; a place in one shard is none. */
export type GroupStart = Exclude<
  StartPosition,
  { readonly atSequenceNumber: string } | { readonly afterSequenceNumber: string }
>;

/**
 * The leases that a group begins with: of shards that are not read from their beginning. Positions are fixed here, once for all workers,
 * so that nothing is passed over that comes before the first checkpoint. Shards that are made later are read from their beginning.
 * @throws InvalidPosition, ShardGone, and the abort's reason
 */
export async function firstLeases(
  from: GroupStart,
  view: StreamView,
  services: { readonly router: ShardRouter; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<LeaseChange__Output[]> {
  const plan = planStart(from, view);
  const change = { counter: 0, nextOffset: 0, done: false, release: false, claim: false };
  const positions = view.shards.map(async (shard): Promise<LeaseChange__Output | undefined> => {
    const shardNumber = shard.shard.number;
    if (plan.finished.has(shardNumber)) return { ...change, shardNumber, done: true };
    const start = plan.starts.get(shardNumber) ?? plan.later;
    if (isBeginning(start)) return undefined;
    return { ...change, shardNumber, nextOffset: await offsetOf(start, { ...services, shard }) };
  });
  return (await Promise.all(positions)).filter((position) => position !== undefined);
}

function isBeginning(start: ShardStart): boolean {
  return start.type === "offset" && start.offset === 0;
}
