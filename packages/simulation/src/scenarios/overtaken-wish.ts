import type { Shard } from "@millrace/proto";
import type { ClusterNode } from "../cluster/cluster.ts";
import type { Stage } from "../stage.ts";
import { cast, cut, groupAt, isAt, type Scenario, until } from "./scenario.ts";

/** Longer than a leader needs for a move that it wishes for. */
const LEADS_FOR_MS = 10_000;

/** It found that such a leader gave the place of a replica that counts to one that has left, and throws its log away when it hears so. */
export const leaderMissedAMove: Scenario = {
  name: "a leader has heard nothing of the controllers since before a replica moved",
  asks: "Does it move the replica back, for a wish that was overtaken?",
  seeds: ["2", "3"],
  settings: { brokersPerZone: 2 },
  play: async (stage) => {
    const { cluster, clock, progress } = stage;
    await progress(20_000);
    const { groupId, leader: former, followers, stranger } = await cast(stage);
    const [gone, other] = followers;
    const controllers = cluster.of("controller");
    const mendFormer = cut(stage, [former], controllers);
    cluster.kill(gone);
    const administration = stage.administration();
    await administration.setState(gone, "DRAINING");
    await until(stage, "the replica has moved", async () => {
      await handOver(stage, groupId, former, other);
      const { joining = "", replicas = [] } = shardOf(stage, groupId) ?? {};
      return joining === "" && replicas.some((nodeId) => isAt(nodeId, stranger));
    });
    const mendGone = cut(stage, [gone], controllers);
    cluster.start(gone);
    await until(stage, "the former leader leads again", async () => {
      await handOver(stage, groupId, other, former);
      return groupAt(former, groupId)?.role === "leader";
    });
    await clock.sleep(LEADS_FOR_MS);
    for (const node of [former, other]) {
      const { voters = [], learners = [] } = groupAt(node, groupId)?.membership ?? {};
      if ([...voters, ...learners].some((nodeId) => isAt(nodeId, gone))) {
        throw new Error(
          `the replica of ${groupId} moves back to ${gone.machine.name}: ${voters.join()}; ${learners.join()}`,
        );
      }
    }
    mendGone();
    mendFormer();
    await administration.setState(gone, "UP");
    administration.close();
    await progress(20_000);
  },
};

async function handOver({ clock }: Stage, groupId: number, from: ClusterNode, to: ClusterNode): Promise<void> {
  const group = groupAt(from, groupId);
  const heir = group?.membership.voters.find((nodeId) => isAt(nodeId, to));
  if (group?.role !== "leader" || heir === undefined) return;
  group.transferLeadership(heir);
  await clock.sleep(200);
}

function shardOf({ cluster }: Stage, groupId: number): Shard | undefined {
  const streams = [...(cluster.newestState?.streams.values() ?? [])];
  return streams.flatMap(({ shards }) => shards).find((shard) => shard.groupId === groupId);
}
