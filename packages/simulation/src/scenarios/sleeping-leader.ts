import { cast, cut, groupAt, isAt, type Scenario, until } from "./scenario.ts";

/** A move takes a few milliseconds where logs are short. */
const LOOK_EVERY_MS = 0.2;
/** A broker that starts has asked a controller by then. */
const ASKED_AFTER_MS = 1_000;

/** It threw away replicas that it had been given meanwhile, and that counted. */
export const controllerSleepsThroughItsSuccessor: Scenario = {
  name: "the controllers' leader stands still, and wakes up for a broker that has forgotten what the next one decided",
  asks: "Is what a leader of before says taken for what holds now?",
  seeds: ["1", "5"],
  settings: { brokersPerZone: 2 },
  play: async (stage) => {
    const { cluster, clock, progress } = stage;
    await progress(20_000);
    const { groupId, followers, stranger } = await cast(stage);
    const controllers = cluster.of("controller");
    const sleeper = controllers.find(({ state }) => state.controller?.node.isLeader === true);
    if (sleeper === undefined) throw new Error("somebody leads the controllers");
    const others = controllers.filter((node) => node !== sleeper);
    sleeper.machine.pause();
    const mends = [cut(stage, [sleeper], others)];
    const administration = stage.administration();
    await administration.setState(followers[0], "DRAINING");
    const counts = (): boolean =>
      groupAt(stranger, groupId)?.membership.voters.some((nodeId) => isAt(nodeId, stranger)) ?? false;
    await until(stage, "another replica counts", counts, LOOK_EVERY_MS);
    // Before what it knows is on its disk.
    cluster.cutPower(stranger, "lost");
    mends.push(cut(stage, [stranger], others));
    cluster.start(stranger);
    sleeper.machine.resume();
    await clock.sleep(ASKED_AFTER_MS);
    for (const mend of mends) mend();
    await progress(20_000);
    await administration.setState(followers[0], "UP");
    administration.close();
    await progress(20_000);
  },
};
