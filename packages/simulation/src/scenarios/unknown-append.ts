import type { ClusterNode } from "../cluster/cluster.ts";
import { listShards } from "../clients/reader.ts";
import { SdkError } from "../clients/sdk.ts";
import type { Scenario } from "./scenario.ts";

/** As long as a gateway waits for a shard's answer, and a bit. */
const DEAF_MS = 6_100;
const SPLIT_AFTER_MS = 1_000;
const PUTTERS = 4;

export const unknownAppendsMeetAReshard: Scenario = {
  name: "the answers to appends do not arrive, and their shards are split",
  asks: "Is a put stored once that the parent has, and whose gateway learns of the children but not of that?",
  seeds: ["1", "3"],
  play: async (stage) => {
    const { cluster, clock, progress, streams } = stage;
    await progress(20_000);
    const [deaf, other] = cluster.of("gateway") as [ClusterNode, ClusterNode];
    for (let number = 1; number <= PUTTERS; number++) stage.addPutter(`deaf putter ${number}`, deaf.machine.name);
    const sdk = stage.sdk("splitter", other.machine.name);
    for (const StreamName of streams) {
      const shards = await listShards(sdk, StreamName);
      const links = cluster.of("broker").map(({ machine }) => cluster.network.link(machine.name, deaf.machine.name));
      for (const link of links) link.block();
      await clock.sleep(SPLIT_AFTER_MS);
      try {
        await sdk.call("UpdateShardCount", {
          StreamName,
          TargetShardCount: shards.length * 2,
          ScalingType: "UNIFORM_SCALING",
        });
      } catch (error) {
        if (!(error instanceof SdkError)) throw error;
      }
      await clock.sleep(DEAF_MS - SPLIT_AFTER_MS);
      for (const link of links) link.unblock();
      await progress(30_000);
    }
  },
};
