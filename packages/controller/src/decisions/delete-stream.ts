import type { DeleteStream__Output } from "../command.ts";
import { type Decision, Refusal } from "./decision.ts";

/** The stream goes DELETING at once, whatever it was doing; it is removed when the brokers have dropped its shards. */
export const deleteStream: Decision<DeleteStream__Output> = ({ state }, { key, enforceConsumerDeletion }) => {
  const stream = key === null ? undefined : state.streamByKey(key);
  if (stream === undefined) throw new Refusal("STREAM_NOT_FOUND", "no such stream");
  if (stream.consumers.length > 0 && !enforceConsumerDeletion) {
    throw new Refusal("STREAM_HAS_CONSUMERS", `${stream.consumers.length} consumers are registered`);
  }
  if (stream.status !== "DELETING") state.putStream({ ...stream, status: "DELETING" });
};
