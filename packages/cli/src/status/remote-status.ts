import type { NodeCredentials, NodeStatus } from "@millrace/proto";
import { askControllers, type ClusterSummary, fromControllers, ofNode, type NodeSummary } from "./cluster-status.ts";

/** Of a cluster elsewhere: its controllers and brokers as the leading controller sees them. Gateways keep no state, and nobody lists them. */
export async function remoteStatus(
  controllers: readonly string[],
  credentials: NodeCredentials | undefined,
): Promise<ClusterSummary> {
  const answer = await askControllers(controllers, () => credentials);
  const nodes = typeof answer === "string" ? [] : answer.nodes;
  return { mode: "replicated", nodes: nodes.map((node) => summary(node, nodes)), ...fromControllers(answer) };
}

function summary(node: NodeStatus, all: readonly NodeStatus[]): NodeSummary {
  const { id, role, az, processId: pid, address, state } = node;
  return { id, role, az, pid, address, state: state === "down" ? "down" : "up", ...ofNode(node, all) };
}
