import { type Scenario, until } from "./scenario.ts";

/** Where a header says of which version it is. */
const VERSION_BYTE = 4;

export const headerRots: Scenario = {
  name: "a bit turns in a write group's header, and the broker is started again",
  asks: "Is a header that rotted told from one that another version of the program wrote?",
  seeds: ["1", "3"],
  play: async (stage) => {
    const { cluster, clock, random, progress } = stage;
    const brokers = cluster.of("broker").filter(({ machine }) => machine.az === cluster.lossyZone);
    const node = random.pick(brokers);
    const rots = (): boolean => node.machine.rotHeader(VERSION_BYTE);
    await until(stage, "there is a header to rot", rots);
    cluster.kill(node);
    await clock.sleep(500);
    cluster.start(node);
    await progress(20_000);
  },
};
