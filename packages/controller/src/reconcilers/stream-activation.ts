import type { Reconciler } from "./reconciler.ts";

/** A stream is ACTIVE when every shard has a leader: the first put succeeds. */
export const streamActivation: Reconciler = function* ({ state, liveness, nowMs }) {
  const waiting = [...state.streams.values()].filter(({ status }) => status === "CREATING");
  if (waiting.length === 0) return;
  for (const { streamId, shards } of waiting) {
    if (!shards.every(({ groupId }) => liveness.leaderOf(groupId, nowMs) !== undefined)) continue;
    yield { key: `activate ${streamId}`, command: { kind: "activateStream", activateStream: { streamId } } };
  }
};
