import type { RecoverShard__Output } from "../command.ts";
import { type Decision, Refusal } from "./decision.ts";
import { putShard, shardOf, withLeft } from "./move-replica.ts";
import { brokerOf, newestIncarnations } from "./placement.ts";

/**
 * Unsafe recovery. The survivor goes on as the shard's only member; the others stay in their places as forgotten ones, so that each is
 * replaced by the way of every lost replica. By what the state says of brokers: one that has been silent for moments only counts as there.
 */
export const recoverShard: Decision<RecoverShard__Output> = ({ state }, { groupId, survivor }) => {
  const shard = shardOf(state, groupId);
  const broker = brokerOf(state, survivor);
  if (broker === undefined) throw new Refusal("BROKER_NOT_FOUND", `no broker ${survivor}`);
  const { nodeId } = broker;
  const members = shard.replicas.filter((each) => !shard.forgotten.includes(each));
  if (!members.includes(nodeId)) throw new Refusal("NOT_A_REPLICA", `${nodeId} has no replica of group ${groupId}`);
  const present = newestIncarnations(state).filter((each) => each.state !== "DOWN" && members.includes(each.nodeId));
  if (!present.some((each) => each.nodeId === nodeId)) throw new Refusal("BROKER_NOT_UP", `${nodeId} is not up`);
  if (present.length > members.length / 2) {
    const names = present.map((each) => each.nodeId).join(", ");
    throw new Refusal("QUORUM_ALIVE", `${present.length} of ${members.length} replicas are there: ${names}`);
  }
  const others = shard.replicas.filter((each) => each !== nodeId);
  const left = withLeft(state, shard, shard.joining);
  putShard(state, {
    ...shard,
    replicas: [nodeId, ...others],
    forgotten: others,
    joining: "",
    leaving: "",
    joinId: 0,
    left,
  });
};
