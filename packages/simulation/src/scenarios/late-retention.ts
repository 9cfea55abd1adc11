import type { Stage } from "../stage.ts";
import { cut, type Scenario, until } from "./scenario.ts";

const HOUR_MS = 500;
const SHORT_HOURS = 24;
const LONG_HOURS = 168;
/** So that what was put before is older than the retention of then. */
const AWAY_MS = SHORT_HOURS * HOUR_MS;
/** Several looks at what has expired, by brokers that hear of nothing but their own heartbeats. */
const DEAF_MS = 2_900;

export const retentionGrewMeanwhile: Scenario = {
  name: "retention is lengthened while all brokers are down, and they hear of it late",
  asks: "Does anything expire by the retention of before?",
  seeds: ["1", "2"],
  settings: { hourMs: HOUR_MS },
  play: async (stage) => {
    const { cluster, clock, progress } = stage;
    for (let round = 0; round < 3; round++) await progress(20_000);
    const brokers = cluster.of("broker");
    const beginnings = beginningsOf(stage);
    for (const node of brokers) cluster.kill(node);
    const [gateway] = cluster.of("gateway");
    const sdk = stage.sdk("retention", gateway?.machine.name ?? "");
    for (const StreamName of stage.streams) {
      await sdk.call("IncreaseStreamRetentionPeriod", { StreamName, RetentionPeriodHours: LONG_HOURS });
    }
    await clock.sleep(AWAY_MS);
    const followers = cluster.of("controller").filter(({ state }) => state.controller?.node.isLeader !== true);
    // They are heard by the leader, and those that watch another one hear nothing new.
    const mend = cut(stage, brokers, followers);
    for (const node of brokers) cluster.start(node);
    await until(stage, "somebody leads", () => cluster.leaders.length > 0);
    await clock.sleep(DEAF_MS);
    mend();
    await progress(20_000);
    for (const [groupId, startOffset] of beginningsOf(stage)) {
      if (startOffset > (beginnings.get(groupId) ?? Infinity)) throw new Error(`records of group ${groupId} expired`);
    }
  },
};

/** The oldest record of each shard, as far as anybody has thrown older ones away. */
function beginningsOf({ cluster }: Stage): Map<number, number> {
  const found = new Map<number, number>();
  for (const { state } of cluster.of("broker")) {
    for (const { groupId, position } of state.broker?.node.allShards() ?? []) {
      found.set(groupId, Math.max(found.get(groupId) ?? 0, position.startOffset));
    }
  }
  return found;
}
