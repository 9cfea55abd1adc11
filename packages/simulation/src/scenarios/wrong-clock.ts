import { DAY_MS } from "@millrace/util";
import { type Scenario, until } from "./scenario.ts";

/** Longer than the controllers take to call a broker down, and a broker to hear of the time again. */
const AWAY_MS = 6_000;

export const clockIsWrongWhileABrokerIsAway: Scenario = {
  name: "a zone's clocks are a month slow, while a broker of another zone is away",
  asks: "Do records get a time by which they have expired already, when two clocks disagree and a third is not heard?",
  seeds: ["4", "1"],
  play: async (stage) => {
    const { cluster, clock, progress } = stage;
    await progress(20_000);
    const brokers = cluster.of("broker");
    const [wrong, away] = brokers;
    if (wrong === undefined || away === undefined) throw new Error("there are brokers");
    for (const { machine } of cluster.nodes) {
      if (machine.az === wrong.machine.az) machine.clock.offsetMs = -30 * DAY_MS;
    }
    cluster.kill(away);
    await clock.sleep(AWAY_MS);
    for (let round = 0; round < 4; round++) await progress(20_000);
    cluster.start(away);
    await until(stage, "all brokers are there", () => brokers.every(({ state }) => state.broker !== undefined));
    // Long enough for what has expired to be thrown away.
    await clock.sleep(2 * AWAY_MS);
    await progress(20_000);
  },
};
