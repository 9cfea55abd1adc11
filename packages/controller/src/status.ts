import type { RaftHost } from "@millrace/multiraft";
import type { Membership, NodeId } from "@millrace/raft";
import type { Liveness } from "./liveness.ts";
import { voterOf } from "./membership/member-id.ts";
import type { NodeStatus } from "./protocol.ts";
import { type ClusterState, shardsOf } from "./state/cluster-state.ts";

/** As the leader sees them. Of the others it knows the address, and whether it hears them. */
export function controllerStatus(options: {
  readonly controllerId: string;
  readonly az: string;
  readonly processId: number;
  readonly peers: ReadonlyMap<string, string>;
  readonly host: RaftHost;
  readonly membership: Membership;
  /** A controller's new disk that has no vote yet. */
  readonly applicantOf: (controllerId: string) => NodeId | undefined;
}): NodeStatus[] {
  const { controllerId, peers, host, az, processId, membership, applicantOf } = options;
  return [...peers].map(([id, address]): NodeStatus => {
    const isSelf = id === controllerId;
    const own = { az: isSelf ? az : "", processId: isSelf ? processId : 0 };
    const status = { id, role: "controller", ...own, address, leaders: 0, replicas: 0, problems: [] };
    if (isSelf) return { ...status, state: "leader" };
    if (applicantOf(id) !== undefined) return { ...status, state: "joining", problems: ["new disk, being filled"] };
    const voter = voterOf(id, membership);
    return { ...status, state: voter !== undefined && host.isConnected(voter) ? "follower" : "down" };
  });
}

export function brokerStatus(state: ClusterState, liveness: Liveness): NodeStatus[] {
  const replicas = new Map<string, number>();
  for (const stream of state.streams.values()) {
    for (const shard of shardsOf(stream)) {
      // Those that come or are not thrown away yet, too: a broker is empty when nobody counts on it any more.
      for (const nodeId of new Set([...shard.replicas, shard.joining, ...shard.left])) {
        replicas.set(nodeId, (replicas.get(nodeId) ?? 0) + 1);
      }
    }
  }
  return [...state.brokers.values()].map((broker) => ({
    id: broker.brokerId,
    role: "broker",
    az: broker.az,
    processId: broker.processId,
    address: broker.address,
    state: broker.state.toLowerCase(),
    leaders: liveness.ledBy(broker.nodeId),
    replicas: replicas.get(broker.nodeId) ?? 0,
    problems: [...liveness.problemsOf(broker.nodeId)],
  }));
}
