import type { RaftHost } from "@millrace/multiraft";
import type { Liveness } from "./liveness.ts";
import type { NodeStatus } from "./protocol.ts";
import { type ClusterState, shardsOf } from "./state/cluster-state.ts";

/** As the leader sees them. Of the others it knows the address, and whether it hears them. */
export function controllerStatus(options: {
  readonly controllerId: string;
  readonly az: string;
  readonly processId: number;
  readonly peers: ReadonlyMap<string, string>;
  readonly host: RaftHost;
}): NodeStatus[] {
  const { controllerId, peers, host, az, processId } = options;
  return [...peers].map(([id, address]): NodeStatus => {
    const isSelf = id === controllerId;
    const state = isSelf ? "leader" : host.isConnected(id) ? "follower" : "down";
    const own = { az: isSelf ? az : "", processId: isSelf ? processId : 0 };
    return { id, role: "controller", ...own, address, state, leaders: 0, replicas: 0 };
  });
}

export function brokerStatus(state: ClusterState, liveness: Liveness): NodeStatus[] {
  const replicas = new Map<string, number>();
  for (const stream of state.streams.values()) {
    for (const shard of shardsOf(stream)) {
      for (const nodeId of shard.replicas) replicas.set(nodeId, (replicas.get(nodeId) ?? 0) + 1);
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
  }));
}
