import type { InitializeCluster__Output, RegisterBroker__Output, SetBrokerState__Output } from "../command.ts";
import { newestIncarnations } from "./placement.ts";
import { type Decision, Refusal } from "./decision.ts";

/** The same disk comes back under the same incarnation; another disk is another node (ADR 0004). */
export const registerBroker: Decision<RegisterBroker__Output> = ({ state }, input) => {
  const { brokerId, diskId, az, address, processId } = input;
  if (brokerId === "" || diskId === "" || az === "" || address === "" || brokerId.includes("/")) {
    throw new Refusal("BAD_COMMAND", "a broker registers with id, disk id, zone and address; the id has no slash");
  }
  const known = [...state.brokers.values()].find((one) => one.brokerId === brokerId && one.diskId === diskId);
  if (known !== undefined) {
    const newest = newestIncarnations(state).find((one) => one.brokerId === brokerId);
    if (newest !== known) {
      throw new Refusal(
        "DISK_SUPERSEDED",
        `${brokerId} has registered with a newer disk since; this one must not come back`,
      );
    }
    if (known.az !== az && hosts(state.streams.values(), known.nodeId)) {
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

function hosts(streams: Iterable<{ shards: readonly { replicas: readonly string[] }[] }>, nodeId: string): boolean {
  for (const { shards } of streams) if (shards.some(({ replicas }) => replicas.includes(nodeId))) return true;
  return false;
}

export const setBrokerState: Decision<SetBrokerState__Output> = ({ state: cluster }, { nodeId, state }) => {
  const broker = cluster.brokers.get(nodeId);
  if (broker === undefined) throw new Refusal("BROKER_NOT_FOUND", `no broker ${nodeId}`);
  if (broker.state !== state) cluster.putBroker({ ...broker, state });
};

/** Once in a cluster's life; a second one changes nothing. */
export const initializeCluster: Decision<InitializeCluster__Output> = (
  { state },
  { clusterId, tokenKey, settings },
) => {
  if (state.cluster !== undefined) return;
  state.setCluster({ clusterId, tokenKey: Buffer.from(tokenKey), settings });
};
