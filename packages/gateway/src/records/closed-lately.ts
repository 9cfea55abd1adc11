import type { StreamView } from "@millrace/client";

/** As long as shards remember batches. */
const WINDOW_S = 10 * 60;
/**
 * No two closings are further apart, for this: their times come from wall clocks, and one that is set forward by an hour must not
 * hide the shards that were closed a moment before. Shards take the same care of the batches that they remember.
 */
const STEP_S_MAX = 60;

/**
 * When the oldest shards were closed that may hold what is repeated now: times of one stream are compared with each other only, so
 * that no two clocks need agree. Shards closed before it were closed too long before the newest closing.
 */
export function closedLatelyFromS({ shards }: Pick<StreamView, "shards">): number {
  const times = shards.filter(({ open }) => !open).map(({ shard }) => shard.closedAtS);
  const newestFirst = [...new Set(times)].toSorted((one, other) => other - one);
  let fromS = newestFirst[0] ?? 0;
  let ageS = 0;
  for (const closedAtS of newestFirst) {
    ageS += Math.min(STEP_S_MAX, fromS - closedAtS);
    if (ageS > WINDOW_S) break;
    fromS = closedAtS;
  }
  return fromS;
}
