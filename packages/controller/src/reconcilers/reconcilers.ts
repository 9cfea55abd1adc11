import type { Command } from "../protocol.ts";
import type { Liveness } from "../liveness.ts";
import type { ClusterState } from "../state/cluster-state.ts";

/** A decision that the state of the world calls for. `key` names the wish, so that it is proposed once at a time. */
export interface Wish {
  readonly key: string;
  readonly command: Omit<Command, "commandId">;
}

export interface World {
  readonly state: ClusterState;
  readonly liveness: Liveness;
  readonly nowMs: number;
}

export type Reconciler = (world: World) => Iterable<Wish>;

/** A replica that has been away for so long does not hold up the deletion of a stream: it cleans up when it returns. */
const DELETION_WAITS_FOR_MS = 5_000;

export const brokerStates: Reconciler = function* ({ state, liveness, nowMs }) {
  for (const broker of state.brokers.values()) {
    const { nodeId } = broker;
    const isAlive = liveness.isAlive(nodeId, nowMs);
    if (!isAlive && broker.state === "UP") {
      yield { key: `down ${nodeId}`, command: { kind: "setBrokerState", setBrokerState: { nodeId, state: "DOWN" } } };
    }
    if (isAlive && broker.state === "DOWN" && liveness.wasHeard(nodeId)) {
      yield { key: `up ${nodeId}`, command: { kind: "setBrokerState", setBrokerState: { nodeId, state: "UP" } } };
    }
  }
};

export const streamActivation: Reconciler = function* ({ state, liveness, nowMs }) {
  const waiting = [...state.streams.values()].filter(({ status }) => status === "CREATING");
  if (waiting.length === 0) return;
  const leaders = liveness.leaders(nowMs);
  for (const { streamId, shards } of waiting) {
    if (!shards.every(({ groupId }) => leaders.has(groupId))) continue;
    yield { key: `activate ${streamId}`, command: { kind: "activateStream", activateStream: { streamId } } };
  }
};

export const streamRemoval: Reconciler = function* ({ state, liveness, nowMs }) {
  for (const { streamId, status, shards: own, reshard } of state.streams.values()) {
    if (status !== "DELETING") continue;
    const shards = [...own, ...(reshard?.children ?? [])];
    const isGone = (groupId: number) => (nodeId: string) =>
      liveness.hasDropped(nodeId, groupId) ||
      !state.brokers.has(nodeId) ||
      liveness.silentMs(nodeId, nowMs) > DELETION_WAITS_FOR_MS;
    if (!shards.every(({ groupId, replicas }) => replicas.every(isGone(groupId)))) continue;
    yield { key: `remove ${streamId}`, command: { kind: "removeStream", removeStream: { streamId } } };
  }
};

export const resharding: Reconciler = function* ({ state, liveness, nowMs }) {
  const waiting = [...state.streams.values()].filter(({ status }) => status === "UPDATING");
  if (waiting.length === 0) return;
  const leaders = liveness.leaders(nowMs);
  for (const { streamId, shards, reshard } of waiting) {
    if (reshard === null) continue;
    if (!reshard.closeRequested) {
      if (!reshard.children.every(({ groupId }) => leaders.has(groupId))) continue;
      yield {
        key: `close ${streamId} ${reshard.children[0]?.number}`,
        command: { kind: "requestClose", requestClose: { streamId } },
      };
      continue;
    }
    const parents = shards.filter(({ number }) => reshard.parents.includes(number));
    if (!parents.every(({ groupId }) => liveness.isClosed(groupId, nowMs))) continue;
    const command = { kind: "completeReshard", completeReshard: { streamId } } as const;
    yield { key: `complete ${streamId} ${reshard.children[0]?.number}`, command };
  }
};

export const RECONCILERS: readonly Reconciler[] = [brokerStates, streamActivation, streamRemoval, resharding];
