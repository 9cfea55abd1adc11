import type { Faults, Stream } from "@millrace/proto";
import { unreachable } from "@millrace/util";
import type { UpdateStream__Output } from "../command.ts";
import type { ClusterState } from "../state/cluster-state.ts";
import { deregistered, registered, withPolicy, withTags } from "./consumers.ts";
import { type Decision, type DecisionContext, Refusal } from "./decision.ts";
import { TAGS_MAX } from "./limits.ts";
import { areTooManyTags, changedTags } from "./tags.ts";

const DAY_HOURS = 24;
const RETENTION_HOURS_MAX = 8_760;
/** What may change while shards are being moved about. */
const ALLOWED_WHILE_UPDATING = new Set(["tags", "registerConsumer", "deregisterConsumer", "policy", "faults"]);
const FAULT_LATENCY_MS_MAX = 20_000;

export const updateStream: Decision<UpdateStream__Output> = (context, input) => {
  const { state } = context;
  const stream = activeStream(state, input);
  state.putStream(changed(context, stream, input));
};

function activeStream(state: ClusterState, { key, change }: UpdateStream__Output): Stream {
  const stream = key === null ? undefined : state.streamByKey(key);
  if (stream === undefined) throw new Refusal("STREAM_NOT_FOUND", "no such stream");
  const isAllowed =
    stream.status === "ACTIVE" || (stream.status === "UPDATING" && ALLOWED_WHILE_UPDATING.has(change ?? ""));
  if (!isAllowed) throw new Refusal("STREAM_NOT_ACTIVE", `the stream is ${stream.status}`, { state: stream.status });
  return stream;
}

function changed({ nowMs }: DecisionContext, stream: Stream, input: UpdateStream__Output): Stream {
  const { change } = input;
  switch (change) {
    case undefined:
      throw new Refusal("BAD_COMMAND", "no change that is known here");
    case "retentionHours": {
      const retentionHours = input.retentionHours ?? 0;
      if (retentionHours < DAY_HOURS || retentionHours > RETENTION_HOURS_MAX)
        throw new Refusal("BAD_COMMAND", "24 to 8760 hours");
      return { ...stream, retentionHours };
    }
    case "mode":
      return {
        ...stream,
        mode: input.mode ?? stream.mode,
        warmThroughputMibps: input.modeWarmThroughputMibps || stream.warmThroughputMibps,
      };
    case "maxRecordSizeKib":
      return { ...stream, maxRecordSizeKib: input.maxRecordSizeKib ?? stream.maxRecordSizeKib };
    case "encryptionKeyId":
      return { ...stream, encryptionKeyId: input.encryptionKeyId ?? "" };
    case "shardLevelMetrics":
      return { ...stream, shardLevelMetrics: input.shardLevelMetrics?.names.toSorted() ?? [] };
    case "tags":
      return withChangedTags(stream, input);
    case "registerConsumer": {
      const { registerConsumer: name = "", consumerTags: tags } = input;
      return { ...stream, consumers: registered(stream, { name, createdAtMs: nowMs, tags }) };
    }
    case "deregisterConsumer":
      return { ...stream, consumers: deregistered(stream, input.deregisterConsumer) };
    case "policy":
      return changedPolicy(stream, input);
    case "recordDistribution":
      return { ...stream, recordDistribution: input.recordDistribution ?? "" };
    case "warmThroughputMibps":
      return { ...stream, warmThroughputMibps: input.warmThroughputMibps ?? 0 };
    case "faults":
      return { ...stream, faults: checkedFaults(input.faults) };
    default:
      return unreachable(change);
  }
}

/** Of the stream, or of one of its consumers. */
function withChangedTags(stream: Stream, { tags: change }: UpdateStream__Output): Stream {
  if (change?.consumer) return { ...stream, consumers: withTags(stream, change.consumer) };
  const tags = changedTags(stream.tags, change ?? { set: {}, remove: [] });
  if (areTooManyTags(tags)) throw new Refusal("TOO_MANY_TAGS", `a stream has at most ${TAGS_MAX} tags`);
  return { ...stream, tags };
}

/** None is null. */
function checkedFaults(faults: UpdateStream__Output["faults"]): Faults | null {
  const { throttledShare = 0, internalFailureShare = 0, latencyMs = 0, expiredIteratorShare = 0 } = faults ?? {};
  const shares = [throttledShare, internalFailureShare, expiredIteratorShare];
  if (!shares.every((share) => share >= 0 && share <= 1)) throw new Refusal("BAD_COMMAND", "shares are from 0 to 1");
  if (latencyMs > FAULT_LATENCY_MS_MAX) throw new Refusal("BAD_COMMAND", `at most ${FAULT_LATENCY_MS_MAX} ms`);
  const isNone = latencyMs === 0 && shares.every((share) => share === 0);
  return isNone ? null : { throttledShare, internalFailureShare, latencyMs, expiredIteratorShare };
}

function changedPolicy(stream: Stream, input: UpdateStream__Output): Stream {
  const { consumer = "", policy = "" } = input.policy ?? {};
  if (consumer === "") return { ...stream, policy };
  return { ...stream, consumers: withPolicy(stream, consumer, policy) };
}
