import { columns } from "../columns.ts";
import { describeFaults } from "../faults/faults.ts";
import type { ClusterSummary } from "./cluster-status.ts";

/** The status for people. */
export function statusTable(status: ClusterSummary): string {
  const header = ["NODE", "ROLE", "ZONE", "PID", "ADDRESS", "STATE", ""];
  const rows = status.nodes.map((node) => [
    node.id,
    node.role,
    node.az,
    node.pid === 0 ? "-" : String(node.pid),
    node.address,
    node.state,
    [
      node.leader === true ? "leader" : "",
      node.leaders === undefined ? "" : `leads ${node.leaders} of ${node.replicas ?? 0} shards`,
      node.drain ?? "",
      ...(node.problems ?? []),
      node.reasons?.join("; ") ?? "",
    ]
      .filter((text) => text !== "")
      .join("; "),
  ]);
  // Nobody could be asked: zeros would read as "all is well".
  const figures =
    status.problem !== undefined
      ? []
      : [
          `${status.streams} streams`,
          `${status.underReplicatedShards} under-replicated shards`,
          ...(status.leaderlessShards > 0 ? [`${status.leaderlessShards} shards without a leader`] : []),
        ];
  const facts = [...(status.endpoint === undefined ? [] : [`endpoint ${status.endpoint}`]), ...figures];
  const kept = status.inMemory === true ? "in memory, gone when the process ends" : "on one disk";
  return [
    ...(status.mode === "single"
      ? [`NOT REPLICATED: one process holds the only copy of every record, ${kept}`, ""]
      : []),
    ...(rows.length === 0 ? [] : [...columns(header, rows), ""]),
    ...(facts.length === 0 ? [] : [facts.join(", ")]),
    ...status.faults.map((each) => `FAULTS ARE REHEARSED on ${describeFaults(each)}`),
    ...(status.problem === undefined ? [] : [status.problem]),
  ].join("\n");
}
