import { DAY_MS } from "@millrace/util";
import type { ClusterNode } from "../cluster/cluster.ts";
import type { Stage } from "../stage.ts";
import { cut, hosts, reshard, type Scenario, until } from "./scenario.ts";

/** Longer than the controllers take to call a broker down, and a broker to hear of the time again. */
const AWAY_MS = 6_000;
/** A reshard takes a few milliseconds. */
const LOOK_EVERY_MS = 0.2;
/** What a broker knows is on its disk by then. */
const SAVED_AFTER_MS = 1_000;

/** All of one zone. @returns a broker there, and one of another zone */
function setClocksWrong({ cluster }: Stage): [wrong: ClusterNode, other: ClusterNode] {
  const [wrong, other] = cluster.of("broker");
  if (wrong === undefined || other === undefined) throw new Error("there are brokers");
  for (const { machine } of cluster.nodes) {
    if (machine.az === wrong.machine.az) machine.clock.offsetMs = -30 * DAY_MS;
  }
  return [wrong, other];
}

/** Puts go on until what has expired is thrown away. */
async function awaitExpiry(stage: Stage): Promise<void> {
  const brokers = stage.cluster.of("broker");
  await until(stage, "all brokers are there", () => brokers.every(({ state }) => state.broker !== undefined));
  await stage.clock.sleep(2 * AWAY_MS);
  await stage.progress(20_000);
}

export const clockIsWrongWhileABrokerIsAway: Scenario = {
  name: "a zone's clocks are a month slow, while a broker of another zone is away",
  asks: "Do records get a time by which they have expired already, when two clocks disagree and a third is not heard?",
  seeds: ["1", "4"],
  play: async (stage) => {
    const { cluster, clock, progress } = stage;
    await progress(20_000);
    const [, away] = setClocksWrong(stage);
    cluster.kill(away);
    await clock.sleep(AWAY_MS);
    // In a shard that has records none gets an earlier time than those.
    await reshard(stage);
    for (let round = 0; round < 4; round++) await progress(20_000);
    cluster.start(away);
    await awaitExpiry(stage);
  },
};

/** The controllers have heard of each of its disks within the time for which they count a broker as alive. */
export const clockIsWrongWhileDisksAreLost: Scenario = {
  name: "a zone's clocks are a month slow, and its broker loses one disk after another",
  asks: "Is one wrong clock that is heard under several names taken for a majority of clocks?",
  seeds: ["1", "2"],
  play: async (stage) => {
    const { cluster, progress } = stage;
    await progress(20_000);
    const [wrong] = setClocksWrong(stage);
    for (let disks = 0; disks < 2; disks++) {
      cluster.replaceDisk(wrong);
      cluster.start(wrong);
      // In a shard that has records none gets an earlier time than those.
      await reshard(stage);
      await progress(20_000);
    }
    await awaitExpiry(stage);
  },
};

export const clockIsWrongWhereAReshardIsUnknown: Scenario = {
  name: "a zone's clocks are a month slow, and its broker starts again without controllers, knowing of half a reshard",
  asks: "Do records get a time from before their shard was made, where nobody has said yet when that was?",
  seeds: ["4", "8"],
  play: async (stage) => {
    const { cluster, clock, progress } = stage;
    await progress(20_000);
    const [wrong] = setClocksWrong(stage);
    const resharding = reshard(stage);
    const hostsChild = (): boolean => {
      const streams = [...(cluster.newestState?.streams.values() ?? [])];
      const children = streams.flatMap((stream) => stream.reshard?.children ?? []);
      return children.some(({ groupId }) => hosts(wrong, groupId));
    };
    await until(stage, "it has replicas of children", hostsChild, LOOK_EVERY_MS);
    const mend = cut(stage, [wrong], cluster.of("controller"));
    await clock.sleep(SAVED_AFTER_MS);
    // The first records of the children are to come by way of this broker.
    const mendPuts = cut(stage, cluster.of("gateway"), cluster.of("broker"));
    cluster.kill(wrong);
    await resharding;
    cluster.start(wrong);
    const leadsChild = (): boolean => {
      const { broker } = wrong.state;
      const shards = [...(broker?.node.allShards() ?? [])];
      return shards.some(
        ({ groupId, isLeading }) => isLeading && broker?.node.metadata.shardByGroup(groupId) === undefined,
      );
    };
    await until(stage, "it leads a child", leadsChild);
    mendPuts();
    for (let round = 0; round < 4; round++) await progress(20_000);
    mend();
    await awaitExpiry(stage);
  },
};
