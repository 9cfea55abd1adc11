import type { ControllerConnection } from "@millrace/client";
import type { NodeStatus } from "@millrace/proto";
import { realWorld } from "@millrace/util";
import type { ControllersTarget } from "../controllers-of.ts";
import { newCommandId, withControllers } from "../reach-controllers.ts";

const TIMEOUT_MS = 5_000;
const POLL_EVERY_MS = 500;

export type BrokerAction = "drain" | "undrain" | "remove";

export interface BrokerTarget extends ControllersTarget {
  /** Waits until a broker that drains has nothing left. */
  readonly wait: boolean;
  /** Lines for people, as things go on. */
  readonly say: (line: string) => void;
}

/** Takes a broker's replicas away, lets it have some again, or forgets it. @throws Error in words for people */
export async function changeBroker(target: BrokerTarget, action: BrokerAction, brokerId: string): Promise<void> {
  await withControllers(target, async (controllers) => {
    const command =
      action === "remove"
        ? ({ removeBroker: { nodeId: brokerId } } as const)
        : ({ setBrokerState: { nodeId: brokerId, state: action === "drain" ? "DRAINING" : "UP" } } as const);
    const { error } = await controllers.execute({ commandId: newCommandId(), ...command }, { timeoutMs: TIMEOUT_MS });
    if (error !== null) throw new Error(error.message);
    target.say(DONE[action](brokerId));
    if (action === "drain" && target.wait) await untilDrained(controllers, brokerId, target);
  });
}

const DONE: Record<BrokerAction, (brokerId: string) => string> = {
  drain: (brokerId) => `${brokerId} drains: its replicas move to other brokers`,
  undrain: (brokerId) => `${brokerId} takes replicas again`,
  remove: (brokerId) => `${brokerId} is forgotten`,
};

async function untilDrained(controllers: ControllerConnection, brokerId: string, { say }: BrokerTarget): Promise<void> {
  const { clock } = realWorld();
  let last = -1;
  for (;;) {
    const { nodes } = await controllers.status({ timeoutMs: TIMEOUT_MS });
    const broker = nodes.find(({ id, role }) => role === "broker" && id === brokerId);
    if (broker === undefined) throw new Error(`no broker ${brokerId}`);
    if (broker.state !== "draining") throw new Error(`${brokerId} does not drain any more: it is ${broker.state}`);
    if (broker.replicas !== last) say(drainProgress(broker, nodes));
    last = broker.replicas;
    if (broker.replicas === 0) return;
    await clock.sleep(POLL_EVERY_MS);
  }
}

/** How far it is, and what is in the way. */
export function drainProgress(broker: NodeStatus, nodes: readonly NodeStatus[]): string {
  const { id, replicas, az } = broker;
  if (replicas === 0) return `${id} is drained: safe to remove`;
  const takers = nodes.filter((node) => node.role === "broker" && node.state === "up" && node.az === az);
  const others = new Set(nodes.filter((node) => node.role === "broker" && node.az !== az).map((node) => node.az));
  const isStuck = takers.length === 0 && others.size < 3;
  return `${id} has ${replicas} replicas left${isStuck ? `, and zone ${az} has no other broker that could take them` : ""}`;
}
