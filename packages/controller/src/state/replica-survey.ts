import type { Shard } from "@millrace/proto";
import { type ClusterState, shardsOf } from "./cluster-state.ts";

export interface ReplicaLoad {
  /** Those that come counted, and those that go not. */
  readonly replicas: number;
  /** To it or from it. */
  readonly moves: number;
}

/** Where the replicas of all shards are, but for those of streams that are being made or deleted. */
export interface ReplicaSurvey {
  readonly shards: readonly Shard[];
  /** Those that are not only where they are to be: a replica joins, has left, or is not to be counted on. */
  readonly unsettled: readonly Shard[];
  /** By node id; absent where there are none. */
  readonly loads: ReadonlyMap<string, ReplicaLoad>;
  readonly movesCount: number;
  /** By node id: shards with a replica there or on its way there, but for those that a reshard is making. */
  readonly hosted: ReadonlyMap<string, readonly Shard[]>;
}

const surveys = new WeakMap<ClusterState, { readonly version: number; readonly survey: ReplicaSurvey }>();

/** Looked at with every heartbeat and ten times a second: counted once for each version. */
export function surveyOf(state: ClusterState): ReplicaSurvey {
  const known = surveys.get(state);
  if (known?.version === state.version) return known.survey;
  const survey = count(state);
  surveys.set(state, { version: state.version, survey });
  return survey;
}

function count(state: ClusterState): ReplicaSurvey {
  const streams = [...state.streams.values()].filter(({ status }) => status === "ACTIVE" || status === "UPDATING");
  const shards = streams.flatMap(shardsOf);
  const loads = new Map<string, { replicas: number; moves: number }>();
  const load = (nodeId: string): { replicas: number; moves: number } => {
    let found = loads.get(nodeId);
    if (found === undefined) loads.set(nodeId, (found = { replicas: 0, moves: 0 }));
    return found;
  };
  for (const { replicas } of shards) for (const nodeId of replicas) load(nodeId).replicas++;
  const moving = shards.filter(({ joining }) => joining !== "");
  for (const { joining, leaving } of moving) {
    for (const nodeId of [joining, leaving]) load(nodeId).moves++;
    load(joining).replicas++;
    load(leaving).replicas--;
  }
  const hosted = new Map<string, Shard[]>();
  for (const shard of streams.flatMap((stream) => stream.shards)) {
    const { replicas, joining } = shard;
    for (const nodeId of joining === "" || replicas.includes(joining) ? replicas : [...replicas, joining]) {
      const there = hosted.get(nodeId);
      if (there === undefined) hosted.set(nodeId, [shard]);
      else there.push(shard);
    }
  }
  return {
    shards,
    unsettled: shards.filter(({ joining, left, forgotten }) => joining !== "" || left.length + forgotten.length > 0),
    loads,
    movesCount: moving.length,
    hosted,
  };
}
