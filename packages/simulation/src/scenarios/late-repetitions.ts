import { listShards, type Shard } from "../clients/reader.ts";
import type { SimulatedSdk } from "../clients/sdk.ts";
import type { ClusterNode } from "../cluster/cluster.ts";
import type { Stage } from "../stage.ts";
import { type Scenario, until } from "./scenario.ts";

/** Of each writer: enough for a snapshot of every shard. */
const PUTS_BEFORE = 12;
const MINUTE_MS = 60_000;

/** What is repeated at the end was put before all of this. */
function lateRepetitions(name: string, asks: string, meanwhile: (stage: Stage) => Promise<void>): Scenario {
  return {
    name: `puts are repeated late: ${name}`,
    asks,
    seeds: ["1", "3"],
    settings: { checkpointEveryEntries: 5 },
    repeatsAtEnd: true,
    play: async (stage) => {
      for (let round = 0; round < PUTS_BEFORE; round++) await stage.progress(20_000);
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

/** Doubles the shards of every stream, once no other reshard is under way. */
async function reshard(stage: Stage): Promise<void> {
  const { cluster, streams } = stage;
  const sdk = stage.sdk("splitter", (cluster.of("gateway")[0] as ClusterNode).machine.name);
  for (const StreamName of streams) {
    const before = await openShards(sdk, StreamName);
    const TargetShardCount = before.length * 2;
    await sdk.call("UpdateShardCount", { StreamName, TargetShardCount, ScalingType: "UNIFORM_SCALING" });
    await until(stage, "the shards are split", async () => {
      return (await openShards(sdk, StreamName)).length === TargetShardCount;
    });
  }
}

async function openShards(sdk: SimulatedSdk, stream: string): Promise<Shard[]> {
  const shards = await listShards(sdk, stream);
  return shards.filter(({ SequenceNumberRange }) => SequenceNumberRange.EndingSequenceNumber === undefined);
}

export const repetitionsAfterAReshard = lateRepetitions(
  "every shard was split",
  "Is what the parents have stored not stored again in their children?",
  reshard,
);
