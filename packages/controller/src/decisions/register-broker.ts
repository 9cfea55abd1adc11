import type { RegisterBroker__Output } from "../command.ts";
import { type ClusterState, shardsOf } from "../state/cluster-state.ts";
import { type Decision, Refusal } from "./decision.ts";
import { checkNames, checkTexts } from "./limits.ts";
import { newestIncarnations } from "./placement.ts";

/** Of a broker whose record comes from another broker's copy of the metadata. */
export const UNKNOWN_DISK = "";

/** The same disk comes back under the same incarnation; another disk is another node (ADR 0004). */
export const registerBroker: Decision<RegisterBroker__Output> = ({ state }, input) => {
  const { brokerId, diskId, az, address, processId, clusterId, incarnation: claimed } = input;
  checkNames({ "broker id": brokerId });
  checkTexts({ "disk id": diskId, zone: az, address });
  const ours = state.cluster?.clusterId ?? "";
  // It would take streams that these controllers never heard of for deleted ones.
  if (clusterId !== "" && clusterId !== ours) {
    throw new Refusal(
      "WRONG_CLUSTER",
      `${brokerId} belongs to ${clusterId}, and these controllers are ${ours || "new"}`,
    );
  }
  const ofBroker = [...state.brokers.values()].filter((one) => one.brokerId === brokerId);
  const known =
    ofBroker.find((one) => one.diskId === diskId) ??
    // Restored from a copy that knows incarnations only: whoever comes first under this one, with the cluster's name, is it.
    ofBroker.find((one) => one.diskId === UNKNOWN_DISK && one.incarnation === claimed && clusterId !== "");
  const newest = newestIncarnations(state).find((one) => one.brokerId === brokerId);
  // Nobody remembers a disk once its replicas have moved to a newer one: what it says of itself counts, then.
  const isForgotten = known === undefined && claimed > 0 && newest !== undefined && newest.incarnation > claimed;
  if (isForgotten || (known !== undefined && newest !== known)) {
    throw new Refusal(
      "DISK_SUPERSEDED",
      `${brokerId} has registered with a newer disk since; this one must not come back (as another broker, with another id and an empty folder, it may)`,
    );
  }
  if (known !== undefined) {
    if (known.az !== az && hosts(state, known.nodeId)) {
      throw new Refusal("ZONE_CHANGED", `${brokerId} holds replicas of zone ${known.az} and cannot move to ${az}`);
    }
    const isDraining = known.state === "DRAINING";
    const next = { ...known, diskId, az, address, processId, state: isDraining ? known.state : ("UP" as const) };
    state.putBroker(next);
    return { incarnation: known.incarnation };
  }
  let incarnation = 1;
  for (const other of state.brokers.values()) {
    if (other.brokerId !== brokerId) continue;
    incarnation = Math.max(incarnation, other.incarnation + 1);
    if (other.state !== "DOWN") state.putBroker({ ...other, state: "DOWN" });
  }
  const nodeId = `${brokerId}/${incarnation}`;
  state.putBroker({ nodeId, brokerId, incarnation, az, address, state: "UP", processId, diskId });
  return { incarnation };
};

function hosts(state: ClusterState, nodeId: string): boolean {
  for (const stream of state.streams.values()) {
    if (shardsOf(stream).some(({ replicas, joining }) => joining === nodeId || replicas.includes(nodeId))) return true;
  }
  return false;
}
