import { assert, defined } from "@millrace/util";
import type { ClusterNode } from "../cluster/cluster.ts";
import type { Stage } from "../stage.ts";
import { cast, cut, groupAt, hosts, type Scenario, until } from "./scenario.ts";

/** A replica leaves for another broker of its zone. */
async function moveAway(stage: Stage, leaving: ClusterNode): Promise<ReturnType<Stage["administration"]>> {
  const administration = stage.administration();
  await administration.setState(leaving, "DRAINING");
  await until(stage, "the replica has left", () => administration.isEmpty(leaving));
  return administration;
}

function except(stage: Stage, ...nodes: readonly ClusterNode[]): ClusterNode[] {
  return stage.cluster.nodes.filter((node) => !nodes.includes(node));
}

function brokersExcept(stage: Stage, ...nodes: readonly ClusterNode[]): ClusterNode[] {
  return except(stage, ...nodes).filter(({ role }) => role === "broker");
}

export const replicaReturnsWithoutItsVote: Scenario = {
  name: "a replica returns empty, and is asked for its vote by one that lags behind",
  asks: "Does who has forgotten what it acknowledged help to elect a leader that never had it?",
  seeds: ["1", "3"],
  settings: { brokersPerZone: 2 },
  play: async (stage) => {
    const { clock, progress } = stage;
    await progress(20_000);
    const { groupId, followers, stranger } = await cast(stage);
    const [returning, lagging] = followers;
    const mendLagging = cut(stage, [lagging], brokersExcept(stage, lagging, returning));
    const mendBoth = cut(stage, [lagging], [returning]);
    await progress(20_000);
    const administration = await moveAway(stage, returning);
    await progress(20_000);
    const mendReturning = cut(stage, [returning], brokersExcept(stage, returning, lagging));
    await administration.setState(returning, "UP");
    await administration.setState(stranger, "DRAINING");
    await until(stage, "the replica returns", () => hosts(returning, groupId));
    mendBoth();
    await clock.sleep(10_000);
    mendReturning();
    mendLagging();
    await administration.setState(stranger, "UP");
    administration.close();
    await progress(20_000);
  },
};

export const replicaReturnsToItsFormerLeader: Scenario = {
  name: "a replica returns empty, and hears the leader of before it left",
  asks: "Does who has voted for a newer leader, and forgotten it, acknowledge entries of an older one?",
  seeds: ["1", "3"],
  settings: { brokersPerZone: 2 },
  play: async (stage) => {
    const { clock, progress } = stage;
    await progress(20_000);
    const { groupId, leader: former, followers, stranger } = await cast(stage);
    const [returning] = followers;
    // Writers still reach it: it takes what they sent for its own when it wakes up.
    const gateways = stage.cluster.of("gateway");
    const mendFormer = cut(stage, [former], except(stage, former, returning, ...gateways));
    const mendBoth = cut(stage, [former], [returning]);
    former.machine.pause();
    await progress(20_000);
    const administration = await moveAway(stage, returning);
    const mendReturning = cut(stage, [returning], brokersExcept(stage, returning, former));
    await administration.setState(returning, "UP");
    await administration.setState(stranger, "DRAINING");
    await until(stage, "the replica returns", () => hosts(returning, groupId));
    // What was sent to it while it was cut off would tell it of the newer leader.
    stage.cluster.network.reset(returning.machine.name, former.machine.name);
    stage.cluster.network.reset(former.machine.name, returning.machine.name);
    mendBoth();
    former.machine.resume();
    await clock.sleep(10_000);
    mendReturning();
    mendFormer();
    await administration.setState(stranger, "UP");
    administration.close();
    await progress(20_000);
  },
};

/** A log is filled by a message of one entry, and then by messages of so many. */
const ENTRIES_PER_APPEND = 64;
/** On a link so slow there is time to cut it between one message and the next. */
const SLOWNESS = 3_000;
/** Before the next message is there as well. */
const LOOK_EVERY_MS = 1;

export const replicaIsFilledPastItsFirstStay: Scenario = {
  name: "a replica returns empty, is filled past its first stay, and is asked for its vote by one that lags behind",
  asks: "Does a membership of before it left give it back the vote, while it lacks what it acknowledged then?",
  seeds: ["7", "5"],
  settings: { brokersPerZone: 2, checkpointEveryEntries: 10_000 },
  play: async (stage) => {
    const { cluster, clock, progress } = stage;
    await progress(20_000);
    const { groupId, followers } = await cast(stage);
    const [first, replaced] = followers;
    // A follower is replaced: the entries that say so name the other one as a voter.
    const administration = await moveAway(stage, replaced);
    const zone = (of: ClusterNode, isHost: boolean): ClusterNode => {
      const same = cluster.of("broker").filter(({ machine }) => machine.az === of.machine.az);
      return defined(
        same.find((node) => hosts(node, groupId) === isHost),
        "two brokers in each zone",
      );
    };
    const lagging = zone(replaced, true);
    while (lastIndex(lagging, groupId) <= ENTRIES_PER_APPEND + 1) await progress(20_000);
    const returning = zone(first, true);
    const stranger = zone(first, false);
    const mendLagging = cut(stage, [lagging], brokersExcept(stage, lagging, returning));
    const mendBoth = cut(stage, [lagging], [returning]);
    // Acknowledged with the help of who will forget it, and unknown to who lags.
    await progress(20_000);
    await administration.setState(returning, "DRAINING");
    await until(stage, "the replica has left", () => administration.isEmpty(returning));
    await progress(20_000);
    const links = brokersExcept(stage, returning).map(({ machine }) =>
      cluster.network.link(machine.name, returning.machine.name),
    );
    for (const link of links) link.slowness = SLOWNESS;
    await administration.setState(returning, "UP");
    await administration.setState(stranger, "DRAINING");
    await until(stage, "the replica is being filled", () => lastIndex(returning, groupId) > 1, LOOK_EVERY_MS);
    const mendReturning = cut(stage, [returning], brokersExcept(stage, returning, lagging));
    assert(lastIndex(returning, groupId) <= lastIndex(lagging, groupId), "it has no more than who lags");
    for (const link of links) link.slowness = 1;
    mendBoth();
    await clock.sleep(10_000);
    mendReturning();
    mendLagging();
    for (const node of [stranger, replaced]) await administration.setState(node, "UP");
    administration.close();
    await progress(20_000);
  },
};

function lastIndex(node: ClusterNode, groupId: number): number {
  return groupAt(node, groupId)?.lastIndex ?? 0;
}
