import type { RegisterBroker__Output } from "../command.ts";
import { type ClusterState, shardsOf } from "../state/cluster-state.ts";
import { type Decision, Refusal } from "./decision.ts";
import { checkNames, checkTexts } from "./limits.ts";
import { newestIncarnations } from "./placement.ts";

/** The same disk comes back under the same incarnation; another disk is another node (ADR 0004). */
export const registerBroker: Decision<RegisterBroker__Output> = ({ state }, input) => {
  const { brokerId, diskId, az, address, processId } = input;
  checkNames({ "broker id": brokerId });
  checkTexts({ "disk id": diskId, zone: az, address });
  const known = [...state.brokers.values()].find((one) => one.brokerId === brokerId && one.diskId === diskId);
  if (known !== undefined) {
    const newest = newestIncarnations(state).find((one) => one.brokerId === brokerId);
    if (newest !== known) {
      throw new Refusal(
        "DISK_SUPERSEDED",
        `${brokerId} has registered with a newer disk since; this one must not come back`,
      );
    }
    if (known.az !== az && hosts(state, known.nodeId)) {
      throw new Refusal("ZONE_CHANGED", `${brokerId} holds replicas of zone ${known.az} and cannot move to ${az}`);
    }
    const isDraining = known.state === "DRAINING";
    const next = { ...known, az, address, processId, state: isDraining ? known.state : ("UP" as const) };
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
