import type { ClusterNode } from "../cluster/cluster.ts";
import { cast, cut, groupAt, isAt, type Scenario, until } from "./scenario.ts";

/** A move takes a few milliseconds where logs are short. */
const LOOK_EVERY_MS = 0.2;
/** Longer than a call to a controller hangs that was cut off. */
const HEARD_AFTER_MS = 4_000;
/** Longer than a broker takes to throw away what is said not to be counted on. */
const THROWN_AWAY_AFTER_MS = 5_000;

export const moveIsCancelledBehindItsLeader: Scenario = {
  name: "a move is cancelled while its leader says that it has finished it, and another replica's disk is lost",
  asks: "Does who was to join keep its vote until the leader has gone back?",
  seeds: ["2", "3"],
  settings: { brokersPerZone: 2 },
  play: async (stage) => {
    const { cluster, clock, progress } = stage;
    await progress(20_000);
    const { groupId, leader, followers, stranger } = await cast(stage);
    const [leaving, lost] = followers;
    const administration = stage.administration();
    await administration.setState(leaving, "DRAINING");
    const isKnown = (): boolean => {
      const { learners = [], voters = [] } = groupAt(leader, groupId)?.membership ?? {};
      return isIn([...learners, ...voters], stranger);
    };
    await until(stage, "the move begins", isKnown, LOOK_EVERY_MS);
    const controllers = cluster.of("controller");
    const mend = cut(stage, [leader], controllers);
    await until(stage, "the leader has finished the move", () => {
      const { voters = [], votersOutgoing = [] } = groupAt(leader, groupId)?.membership ?? {};
      return votersOutgoing.length === 0 && isIn(voters, stranger) && !isIn(voters, leaving);
    });
    await administration.setState(leaving, "UP");
    const draining = administration.setState(stranger, "DRAINING");
    const isDraining = (): boolean => {
      const brokers = [...(cluster.newestState?.brokers.values() ?? [])];
      return brokers.some(({ brokerId, state }) => brokerId === stranger.machine.name && state === "DRAINING");
    };
    await until(stage, "the move is to be cancelled", isDraining, LOOK_EVERY_MS);
    // The cancellation is proposed, and not decided before the leader has said that it has finished the move.
    const otherControllers = controllers.filter(({ state }) => state.controller?.node.isLeader !== true);
    for (const { machine } of otherControllers) machine.diskBehaviour.isStalled = true;
    mend();
    await clock.sleep(HEARD_AFTER_MS);
    const mendAgain = cut(stage, [leader], controllers);
    for (const { machine } of otherControllers) machine.diskBehaviour.isStalled = false;
    await draining;
    await clock.sleep(THROWN_AWAY_AFTER_MS);
    cluster.replaceDisk(lost);
    cluster.start(lost);
    await clock.sleep(THROWN_AWAY_AFTER_MS);
    mendAgain();
    await progress(20_000);
    await administration.setState(stranger, "UP");
    administration.close();
    await progress(20_000);
  },
};

function isIn(nodeIds: readonly string[], node: ClusterNode): boolean {
  return nodeIds.some((nodeId) => isAt(nodeId, node));
}
