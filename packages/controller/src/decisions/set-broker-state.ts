import type { SetBrokerState__Output } from "../command.ts";
import { type Decision, Refusal } from "./decision.ts";
import { brokerOf } from "./placement.ts";

/** Seen by heartbeats, or wished by an operator. */
export const setBrokerState: Decision<SetBrokerState__Output> = ({ state: cluster }, { nodeId, state }) => {
  const broker = brokerOf(cluster, nodeId);
  if (broker === undefined) throw new Refusal("BROKER_NOT_FOUND", `no broker ${nodeId}`);
  if (broker.state !== state) cluster.putBroker({ ...broker, state });
};
