import { hasEnoughZones } from "../decisions/placement.ts";
import type { Reconciler } from "./reconciler.ts";

/** Children that have leaders let their parents be closed; closed parents let the children take their place. */
export const resharding: Reconciler = function* ({ state, liveness, nowMs }) {
  const waiting = [...state.streams.values()].filter(({ status }) => status === "UPDATING");
  if (waiting.length === 0) return;
  const closed = liveness.closedGroups(nowMs);
  for (const { streamId, shards, reshard } of waiting) {
    if (reshard === null) continue;
    const { children, closeRequested } = reshard;
    // A round without children waits for zones to put them in.
    if (children.length === 0 && !hasEnoughZones(state)) continue;
    const round = children[0]?.number ?? "waiting";
    if (!closeRequested) {
      if (!children.every(({ groupId }) => liveness.leaderOf(groupId, nowMs) !== undefined)) continue;
      yield { key: `close ${streamId} ${round}`, command: { kind: "requestClose", requestClose: { streamId } } };
      continue;
    }
    const parents = new Set(reshard.parents);
    if (!shards.every(({ number, groupId }) => !parents.has(number) || closed.has(groupId))) continue;
    const command = { kind: "completeReshard", completeReshard: { streamId } } as const;
    yield { key: `complete ${streamId} ${round}`, command };
  }
};
