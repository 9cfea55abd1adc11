import type { ActivateStream__Output } from "../command.ts";
import type { Decision } from "./decision.ts";

/** Every shard has a leader. Late or repeated: nothing happens. */
export const activateStream: Decision<ActivateStream__Output> = ({ state }, { streamId }) => {
  const stream = state.streams.get(streamId);
  if (stream?.status === "CREATING") state.putStream({ ...stream, status: "ACTIVE" });
};
