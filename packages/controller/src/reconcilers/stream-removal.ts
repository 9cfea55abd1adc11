import type { Shard } from "@millrace/proto";
import { shardsOf } from "../state/cluster-state.ts";
import type { Reconciler } from "./reconciler.ts";

/** A replica that has been away for so long does not hold up the deletion of a stream: it cleans up when it returns. */
const DELETION_WAITS_FOR_MS = 5_000;

/** A stream is gone when its brokers have deleted its shards. */
export const streamRemoval: Reconciler = function* ({ state, liveness, nowMs }) {
  for (const stream of state.streams.values()) {
    if (stream.status !== "DELETING") continue;
    const isGone = (shard: Shard, nodeId: string): boolean =>
      liveness.hasDropped(nodeId, shard) ||
      !state.brokers.has(nodeId) ||
      liveness.silentMs(nodeId, nowMs) > DELETION_WAITS_FOR_MS;
    const { streamId } = stream;
    if (!shardsOf(stream).every((shard) => shard.replicas.every((nodeId) => isGone(shard, nodeId)))) continue;
    yield { key: `remove ${streamId}`, command: { kind: "removeStream", removeStream: { streamId } } };
  }
};
