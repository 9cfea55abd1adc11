import type { MetadataUpdate__Output } from "@millrace/proto";
import { UNKNOWN_DISK } from "../decisions/register-broker.ts";
import type { StoredGroup } from "../state/consumer-groups.ts";
import { ClusterState, FORMAT_VERSION, newestCreatedAtS, shardsOf, type StoredState } from "../state/cluster-state.ts";

/**
 * A copy may be older than what brokers and gateways have heard since: what is given out from now on must be beyond all of it, or
 * they would take the new for the old. Nobody makes so many changes between two backups.
 */
const JUMP = 1_000_000;

/**
 * The state to go on with, from a state as it was. The same bytes from the same bytes, on whichever machine. Consumer groups are in
 * controllers' states only, and move without a new version: they are taken from whichever of the others is newest.
 */
export function restoredState(bytes: Buffer, others: readonly Buffer[] = []): Buffer {
  const before = ClusterState.decode(bytes);
  if (before.cluster === undefined) throw new Error("it is of a cluster that had not begun");
  const stored = JSON.parse(before.encode().toString()) as StoredState;
  const { cluster, nextGroupId } = stored;
  if (cluster === undefined) throw new Error("it is of a cluster that had not begun");
  const after: StoredState = {
    ...stored,
    version: stored.version + JUMP,
    nextStreamId: stored.nextStreamId + JUMP,
    nextGroupId: nextGroupId + JUMP,
    groups: newestGroups([bytes, ...others]).filter(({ streamId }) => before.streams.has(streamId)),
    cluster: { ...cluster, restoredGroupIdMax: nextGroupId + JUMP - 1 },
  };
  return Buffer.from(JSON.stringify(after));
}

/** A worker that is ahead of what is found here loses its leases, and its group goes on from older checkpoints. */
function newestGroups(states: readonly Buffer[]): readonly StoredGroup[] {
  let newest: { version: number; moves: number; groups: readonly StoredGroup[] } = {
    version: -1,
    moves: 0,
    groups: [],
  };
  for (const state of states) {
    const { version, groups } = JSON.parse(state.toString()) as StoredState;
    if (groups === undefined) continue;
    let moves = 0;
    for (const { leases } of groups) for (const [, , counter] of leases) moves += counter;
    const isNewer = version > newest.version || (version === newest.version && moves > newest.moves);
    if (isNewer) newest = { version, moves, groups };
  }
  return newest.groups;
}

/** The state as a broker heard of it: all but what brokers are not told, which is disks' names, old answers and consumer groups. */
export function stateFromMetadata(update: MetadataUpdate__Output): Buffer {
  const { version, cluster, brokers, streams } = update;
  if (cluster === null) throw new Error("it is of a broker that never heard of its cluster");
  const groupIds = streams.flatMap((stream) => shardsOf(stream).map(({ groupId }) => groupId));
  const stored: StoredState = {
    format: FORMAT_VERSION,
    version,
    nextStreamId: Math.max(0, ...streams.map(({ streamId }) => streamId)) + 1,
    nextGroupId: Math.max(15, ...groupIds) + 1,
    removedCreatedAtS: Math.max(0, ...streams.map(newestCreatedAtS)),
    cluster: { ...cluster, tokenKey: Buffer.from(cluster.tokenKey).toString("base64") },
    brokers: brokers.map((broker) => ({ ...broker, diskId: UNKNOWN_DISK })),
    streams: [...streams],
    results: [],
  };
  return Buffer.from(JSON.stringify(stored));
}

/** Which cluster, and how new. */
export function describeState(bytes: Buffer): { clusterId: string; version: number; streams: number; shards: number } {
  const { cluster, version, streams, shardCount } = ClusterState.decode(bytes);
  return { clusterId: cluster?.clusterId ?? "", version, streams: streams.size, shards: shardCount };
}
