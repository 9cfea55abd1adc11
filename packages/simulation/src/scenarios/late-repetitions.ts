import type { ClusterNode } from "../cluster/cluster.ts";
import type { Stage } from "../stage.ts";
import { cut, reshard, type Scenario } from "./scenario.ts";

/** Of each writer: enough for a snapshot of every shard. */
const PUTS_BEFORE = 12;
const MINUTE_MS = 60_000;
/** Less than a gateway waits for the children of a closed shard, more than a request takes to find it closed. */
const STALE_MS = 500;

/** What is repeated at the end was put before all of this. */
function lateRepetitions(
  name: string,
  asks: string,
  meanwhile: (stage: Stage) => Promise<void>,
  { before = PUTS_BEFORE, seeds = ["1", "3"] }: { before?: number; seeds?: readonly string[] } = {},
): Scenario {
  return {
    name: `puts are repeated late: ${name}`,
    asks,
    seeds,
    settings: { checkpointEveryEntries: 5 },
    repeatsAtEnd: true,
    play: async (stage) => {
      for (let round = 0; round < before; round++) await stage.progress(20_000);
      await meanwhile(stage);
      await stage.progress(20_000);
    },
  };
}

export const repetitionsAfterARestart = lateRepetitions(
  "every broker was started again",
  "Is what a shard has stored known from its snapshot alone?",
  async ({ cluster, clock }) => {
    const brokers = cluster.of("broker");
    for (const node of brokers) cluster.kill(node);
    await clock.sleep(500);
    for (const node of brokers) cluster.start(node);
  },
);

export const repetitionsAfterAClockStep = lateRepetitions(
  "all clocks were set forward by half an hour",
  "Is what a shard has stored minutes ago known when its clock says that it was longer ago?",
  async ({ cluster, clock, progress }) => {
    for (const { machine } of cluster.nodes) machine.clock.offsetMs += 30 * MINUTE_MS;
    await clock.sleep(3_000);
    for (let round = 0; round < 3; round++) await progress(20_000);
  },
);

/** It found that gateways did not ask them, and stored again what those had. */
export const repetitionsAfterReshardsAndAClockStep = lateRepetitions(
  "shards were split, all clocks set forward by half an hour, and shards split again",
  "Are the first parents asked, though they were closed minutes ago by nobody's clock?",
  async (stage) => {
    await reshard(stage);
    await stage.progress(20_000);
    for (const { machine } of stage.cluster.nodes) machine.clock.offsetMs += 30 * MINUTE_MS;
    await stage.clock.sleep(3_000);
    await stage.progress(20_000);
    await reshard(stage);
  },
);

export const repetitionsAfterAReshard = lateRepetitions(
  "every shard was split",
  "Is what the parents have stored not stored again in their children?",
  reshard,
);

/** It found that those closed shards were not asked of which a gateway learned on its way. */
export const repetitionsByAStaleGateway = lateRepetitions(
  "by way of a gateway that does not know of two reshards yet",
  "Is what children stored, who have children of their own, not stored again when both are news to the gateway?",
  async (stage) => {
    const { cluster, clock, progress, repeatPuts } = stage;
    const [, stale] = cluster.of("gateway") as [ClusterNode, ClusterNode];
    const mend = cut(stage, cluster.of("controller"), [stale]);
    await reshard(stage);
    for (let round = 0; round < PUTS_BEFORE; round++) await progress(20_000);
    await reshard(stage);
    const repeated = repeatPuts(stale.machine.name);
    await clock.sleep(STALE_MS);
    mend();
    await repeated;
  },
);

export const repetitionsBesideAClosedShardThatIsAway = lateRepetitions(
  "shards were merged and split again, and some of the first ones cannot be asked",
  "Is what stands in one shard beside records of others, of which nobody knows, not stored again?",
  async (stage) => {
    const { cluster, progress, repeatPuts } = stage;
    await reshard(stage);
    await reshard(stage, 0.5);
    for (let round = 0; round < PUTS_BEFORE; round++) await progress(20_000);
    await reshard(stage);
    const [gateway] = cluster.of("gateway") as [ClusterNode];
    const [broker] = cluster.of("broker") as [ClusterNode];
    const mend = cut(stage, [broker], [gateway]);
    await repeatPuts(gateway.machine.name);
    mend();
  },
  // What is held for repetition is to be of the merged shards, and these seeds' leaders are spread so that it matters.
  { before: 1, seeds: ["14", "15"] },
);
