import type { Faults, Stream } from "@millrace/proto";
import { unreachable } from "@millrace/util";
import type { UpdateStream__Output } from "../command.ts";
import type { ClusterState } from "../state/cluster-state.ts";
import { type Decision, type DecisionContext, Refusal } from "./decision.ts";
import { TAGS_MAX } from "./limits.ts";

const CONSUMERS_PER_STREAM_MAX = 20;
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
      return { ...stream, mode: input.mode ?? stream.mode };
    case "maxRecordSizeKib":
      return { ...stream, maxRecordSizeKib: input.maxRecordSizeKib ?? stream.maxRecordSizeKib };
    case "encryptionKeyId":
      return { ...stream, encryptionKeyId: input.encryptionKeyId ?? "" };
    case "shardLevelMetrics":
      return { ...stream, shardLevelMetrics: input.shardLevelMetrics?.names.toSorted() ?? [] };
    case "tags":
      return { ...stream, tags: changedTags(stream, input) };
    case "registerConsumer": {
      const name = input.registerConsumer ?? "";
      if (stream.consumers.some((consumer) => consumer.name === name))
        throw new Refusal("CONSUMER_EXISTS", `${name} exists`);
      if (stream.consumers.length >= CONSUMERS_PER_STREAM_MAX) {
        throw new Refusal("LIMIT_EXCEEDED", `A stream has at most ${CONSUMERS_PER_STREAM_MAX} consumers.`);
      }
      const consumers = [...stream.consumers, { name, createdAtMs: nowMs, policy: "" }];
      return { ...stream, consumers: consumers.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
    }
    case "deregisterConsumer": {
      const consumers = stream.consumers.filter(({ name }) => name !== input.deregisterConsumer);
      if (consumers.length === stream.consumers.length) throw new Refusal("CONSUMER_NOT_FOUND", "no such consumer");
      return { ...stream, consumers };
    }
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

function changedTags(stream: Stream, { tags }: UpdateStream__Output): Record<string, string> {
  const next = { ...stream.tags, ...tags?.set };
  for (const key of tags?.remove ?? []) delete next[key];
  if (Object.keys(next).length > TAGS_MAX) throw new Refusal("TOO_MANY_TAGS", `a stream has at most ${TAGS_MAX} tags`);
  // In one order on every replica, whatever the order of the changes was.
  return Object.fromEntries(Object.entries(next).toSorted(([a], [b]) => (a < b ? -1 : 1)));
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
  if (!stream.consumers.some(({ name }) => name === consumer))
    throw new Refusal("CONSUMER_NOT_FOUND", "no such consumer");
  return {
    ...stream,
    consumers: stream.consumers.map((each) => (each.name === consumer ? { ...each, policy } : each)),
  };
}
