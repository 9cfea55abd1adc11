import type { RemoveStream__Output } from "../command.ts";
import type { Decision } from "./decision.ts";

/** Its shards are gone from the brokers. Late or repeated: nothing happens. */
export const removeStream: Decision<RemoveStream__Output> = ({ state }, { streamId }) => {
  const stream = state.streams.get(streamId);
  if (stream?.status === "DELETING") state.removeStream(stream);
};
