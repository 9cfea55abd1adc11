import { type Shard, type StreamKey, uniformHashKeyRanges } from "@millrace/proto";
import type { CreateStream__Output } from "../command.ts";
import type { ClusterState } from "../state/cluster-state.ts";
import { type Decision, Refusal } from "./decision.ts";
import { Placement } from "./placement.ts";

export const SHARD_LIMIT_PER_REGION = 500;
const STREAMS_CREATING_MAX = 5;
const ON_DEMAND_STREAMS_MAX = 50;
const ON_DEMAND_SHARD_COUNT = 4;
const DEFAULT_RETENTION_HOURS = 24;
const DEFAULT_MAX_RECORD_SIZE_KIB = 1_024;
/** Kinesis's shards are a little older than their streams, and KCL's checks know it. */
const SHARD_CREATED_BEFORE_S = 2;

export const createStream: Decision<CreateStream__Output> = ({ state, nowMs }, input) => {
  const { key, mode, tags } = input;
  if (key === null) throw new Refusal("BAD_COMMAND", "a stream needs a key");
  if (state.streamByKey(key) !== undefined) throw new Refusal("STREAM_EXISTS", `stream ${key.name} exists`);
  const shardCount = mode === "ON_DEMAND" ? ON_DEMAND_SHARD_COUNT : input.shardCount;
  if (shardCount < 1) throw new Refusal("BAD_COMMAND", "a stream needs a shard");
  checkLimits(state, key, shardCount, mode === "ON_DEMAND");
  const placement = new Placement(state);
  const createdAtS = Math.floor(nowMs / 1_000);
  const shards = uniformHashKeyRanges(shardCount).map(({ starting, ending }, number): Shard => ({
    number,
    groupId: state.takeGroupId(),
    startingHashKey: String(starting),
    endingHashKey: String(ending),
    createdAtS: createdAtS - SHARD_CREATED_BEFORE_S,
    closedAtS: 0,
    parent: -1,
    adjacentParent: -1,
    replicas: placement.next(),
  }));
  state.putStream({
    streamId: state.takeStreamId(),
    key,
    status: "CREATING",
    mode,
    createdAtMs: nowMs,
    retentionHours: DEFAULT_RETENTION_HOURS,
    maxRecordSizeKib: input.maxRecordSizeKib || DEFAULT_MAX_RECORD_SIZE_KIB,
    tags,
    shards,
    encryptionKeyId: "",
    shardLevelMetrics: [],
    consumers: [],
    policy: "",
    recordDistribution: "",
    warmThroughputMibps: 0,
    reshard: null,
  });
};

export function openShardCount(state: ClusterState, { accountId, region }: StreamKey): number {
  let count = 0;
  for (const { mode, shards } of state.streamsOf(accountId, region)) {
    if (mode === "PROVISIONED") count += shards.filter((shard) => shard.closedAtS === 0).length;
  }
  return count;
}

function checkLimits(state: ClusterState, key: StreamKey, shardCount: number, isOnDemand: boolean): void {
  if (state.cluster?.settings?.quotas === "off") return;
  const streams = [...state.streamsOf(key.accountId, key.region)];
  if (streams.filter(({ status }) => status === "CREATING").length >= STREAMS_CREATING_MAX) {
    throw new Refusal("STREAMS_CREATING_LIMIT_EXCEEDED", `${STREAMS_CREATING_MAX} streams are being created already`);
  }
  if (isOnDemand) {
    if (streams.filter(({ mode }) => mode === "ON_DEMAND").length < ON_DEMAND_STREAMS_MAX) return;
    throw new Refusal("ON_DEMAND_LIMIT_EXCEEDED", `${ON_DEMAND_STREAMS_MAX} on-demand streams exist`);
  }
  checkShardLimit(state, key, shardCount);
}

/** @throws Refusal SHARD_LIMIT_EXCEEDED */
export function checkShardLimit(state: ClusterState, key: StreamKey, additional: number): void {
  if (state.cluster?.settings?.quotas === "off") return;
  const current = openShardCount(state, key);
  if (current + additional <= SHARD_LIMIT_PER_REGION) return;
  throw new Refusal("SHARD_LIMIT_EXCEEDED", `${current} shards exist, ${SHARD_LIMIT_PER_REGION} are allowed`, {
    current: String(current),
    limit: String(SHARD_LIMIT_PER_REGION),
    additional: String(additional),
  });
}
