import type { NodeCredentials, NodeStatus } from "@millrace/proto";
import {
  askControllers,
  type ClusterSummary,
  fromControllers,
  type NodeState,
  type NodeSummary,
  ofNode,
} from "./cluster-status.ts";

/** Of a cluster elsewhere: its controllers and brokers as the leading controller sees them. Gateways keep no state, and nobody lists them. */
export async function remoteStatus(
  controllers: readonly string[],
  credentials: NodeCredentials | undefined,
): Promise<ClusterSummary> {
  const answer = await askControllers(controllers, () => credentials);
  const nodes = typeof answer === "string" ? [] : answer.nodes;
  return { mode: "replicated", nodes: nodes.map((node) => summary(node, nodes)), ...fromControllers(answer) };
}

export function summary(node: NodeStatus, all: readonly NodeStatus[]): NodeSummary {
  const { id, role, az, processId: pid, address } = node;
  return { id, role, az, pid, address, state: stateOf(node), ...ofNode(node, all) };
}

function stateOf({ state }: NodeStatus): NodeState {
  if (state === "down") return "down";
  // A controller on a new disk, which has no vote yet: the next one must not be restarted.
  return state === "joining" ? "starting" : "up";
}
