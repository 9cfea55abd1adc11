import { cut, type Scenario, until } from "./scenario.ts";

const READERS = 6;

export const deposedLeaderIsRead: Scenario = {
  name: "a deposed leader wakes up with a gateway that knows no better",
  asks: "Is it said to be all there is, what a leader has that does not know that there is another one?",
  seeds: ["6", "8"],
  play: async (stage) => {
    const { cluster, clock, random, progress } = stage;
    await progress(20_000);
    const [near] = cluster.of("gateway");
    if (near === undefined) throw new Error("there are gateways");
    for (let number = 1; number <= READERS; number++) stage.addReader(`near reader ${number}`, near.machine.name);
    for (let round = 0; round < 3; round++) {
      await clock.sleep(2_000);
      await until(stage, "somebody leads", () => cluster.leaders.length > 0);
      const leader = random.pick(cluster.leaders);
      const others = cluster.nodes.filter((node) => node !== leader && node !== near);
      leader.machine.pause();
      const mend = cut(stage, [leader, near], others);
      await clock.sleep(random.between(9_000, 12_000));
      leader.machine.resume();
      await clock.sleep(4_000);
      mend();
      await progress(30_000);
    }
  },
};
