import { type Shard, type StreamKey, uniformHashKeyRanges } from "@millrace/proto";
import type { CreateStream__Output } from "../command.ts";
import type { ClusterState } from "../state/cluster-state.ts";
import { type Decision, Refusal } from "./decision.ts";
import {
  checkedKey,
  checkShardQuota,
  checkShardRoom,
  checkShardsOfStream,
  hasQuotas,
  ON_DEMAND_STREAMS_MAX,
  STREAMS_CREATING_MAX,
  TAGS_MAX,
} from "./limits.ts";
import { Placement } from "./placement.ts";
import { areTooManyTags } from "./tags.ts";

const ON_DEMAND_SHARD_COUNT = 4;
const DEFAULT_RETENTION_HOURS = 24;
const DEFAULT_MAX_RECORD_SIZE_KIB = 1_024;
/** Kinesis's shards are a little older than their streams, and KCL's checks know it. */
const SHARD_CREATED_BEFORE_S = 2;

/** The stream is CREATING until its shards have leaders. */
export const createStream: Decision<CreateStream__Output> = ({ state, nowMs }, input) => {
  const { mode, tags, recordDistribution, warmThroughputMibps } = input;
  const key = checkedKey(input.key);
  if (state.streamByKey(key) !== undefined) throw new Refusal("STREAM_EXISTS", `stream ${key.name} exists`);
  const shardCount = mode === "ON_DEMAND" ? ON_DEMAND_SHARD_COUNT : input.shardCount;
  if (shardCount < 1) throw new Refusal("BAD_COMMAND", "a stream needs a shard");
  if (areTooManyTags(tags)) throw new Refusal("TOO_MANY_TAGS", `a stream has at most ${TAGS_MAX} tags`);
  checkLimits(state, key, shardCount, mode === "ON_DEMAND");
  const placement = new Placement(state);
  // Later than any shard of a stream that was removed: its sequence numbers name this second, and are never used again.
  const createdAtS = Math.max(Math.floor(nowMs / 1_000) - SHARD_CREATED_BEFORE_S, state.removedCreatedAtS + 1);
  const shards = uniformHashKeyRanges(shardCount).map(({ starting, ending }, number): Shard => ({
    number,
    groupId: state.takeGroupId(),
    startingHashKey: String(starting),
    endingHashKey: String(ending),
    createdAtS,
    closedAtS: 0,
    parent: -1,
    adjacentParent: -1,
    replicas: placement.next(),
    joining: "",
    leaving: "",
    left: [],
    placedVersion: state.version + 1,
    termMin: 0,
    joinId: 0,
    forgotten: [],
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
    recordDistribution,
    warmThroughputMibps,
    reshard: null,
    faults: null,
  });
};

function checkLimits(state: ClusterState, key: StreamKey, shardCount: number, isOnDemand: boolean): void {
  checkShardsOfStream(0, shardCount);
  checkShardRoom(state, shardCount);
  if (!hasQuotas(state)) return;
  const streams = [...state.streamsOf(key.accountId, key.region)];
  if (streams.filter(({ status }) => status === "CREATING").length >= STREAMS_CREATING_MAX) {
    throw new Refusal("STREAMS_CREATING_LIMIT_EXCEEDED", `${STREAMS_CREATING_MAX} streams are being created already`);
  }
  if (!isOnDemand) {
    checkShardQuota(state, key, shardCount);
    return;
  }
  if (streams.filter(({ mode }) => mode === "ON_DEMAND").length < ON_DEMAND_STREAMS_MAX) return;
  throw new Refusal("ON_DEMAND_LIMIT_EXCEEDED", `${ON_DEMAND_STREAMS_MAX} on-demand streams exist`);
}
