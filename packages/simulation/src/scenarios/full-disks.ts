import { KIB } from "@millrace/util";
import type { Stage } from "../stage.ts";
import { type Scenario, until } from "./scenario.ts";

/** Of what a node has to say that its disk is nearly full, before anything that goes on would be refused. */
const LEFT_BYTES = 60 * KIB;
/** Then old ones can go, and not only the one that is written to. */
const SEGMENTS_MIN = 4;

export const disksAreNearlyFull: Scenario = {
  name: "all disks are nearly full, and retention is shortened",
  asks: "Do the controllers and retention go on where nothing new is taken, and make room?",
  seeds: ["1", "4"],
  // A day is six seconds.
  settings: { hourMs: 250 },
  play: async (stage) => {
    const { cluster, progress, clock } = stage;
    await progress(20_000);
    await retain(stage, "Increase", 8_760);
    const storeOf = (node: (typeof cluster.nodes)[number]) => node.state.broker?.store;
    const brokers = cluster.of("broker");
    const isLong = (): boolean => brokers.every((node) => (storeOf(node)?.stats().segments ?? 0) >= SEGMENTS_MIN);
    while (!isLong()) await progress(20_000);
    const nodes = [...brokers, ...cluster.of("controller")];
    const emptied = nodes.map(({ machine }) => machine.fillDisk(LEFT_BYTES));
    await until(stage, "nothing new is taken", () => brokers.every((node) => storeOf(node)?.canAppend() === false));
    await clock.sleep(3_000);
    await retain(stage, "Decrease", 24);
    await progress(60_000);
    for (const empty of emptied) empty();
    await progress(20_000);
  },
};

async function retain({ cluster, sdk, streams }: Stage, change: "Increase" | "Decrease", hours: number): Promise<void> {
  const [gateway] = cluster.of("gateway");
  const client = sdk(`${change} retention`, gateway?.machine.name ?? "");
  for (const StreamName of streams) {
    await client.call(`${change}StreamRetentionPeriod`, { StreamName, RetentionPeriodHours: hours });
  }
}
