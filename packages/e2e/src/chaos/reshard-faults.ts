import { DescribeStreamSummaryCommand, UpdateShardCountCommand } from "@aws-sdk/client-kinesis";
import { eventually } from "../harness/cluster.ts";
import { type Fault, killAndWait, leaders } from "./fault.ts";

export const RESHARD_FAULTS: readonly Fault[] = [
  {
    name: "kill a shard leader during a reshard",
    run: async ({ cluster, client, stream }, pick) => {
      const summary = async () => {
        const { StreamDescriptionSummary } = await client.send(
          new DescribeStreamSummaryCommand({ StreamName: stream }),
        );
        return StreamDescriptionSummary;
      };
      const TargetShardCount = (await summary())?.OpenShardCount === 6 ? 4 : 6;
      const before = pick(await leaders(cluster)).id;
      await client.send(
        new UpdateShardCountCommand({ StreamName: stream, TargetShardCount, ScalingType: "UNIFORM_SCALING" }),
      );
      await killAndWait(cluster, [before]);
      await eventually(async () => (await summary())?.StreamStatus === "ACTIVE", 30_000);
    },
  },
];
