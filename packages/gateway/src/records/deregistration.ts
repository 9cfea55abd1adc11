import type { ClusterMetadata, StreamView } from "@millrace/client";
import type { Consumer } from "@millrace/proto";

/** A consumer's end, as long as its stream lives. */
export interface Deregistration {
  /** Aborts when the consumer is deregistered, whether or not one is made anew under its name. */
  readonly signal: AbortSignal;
  /** Nobody listens any more. */
  stop(): void;
}

export function deregistrationOf(
  metadata: ClusterMetadata,
  { stream }: StreamView,
  consumer: Consumer,
): Deregistration {
  const controller = new AbortController();
  const look = (): void => {
    const current = metadata.streamById(stream.streamId);
    if (current === undefined) return; // its shards tell
    const isThere = ({ name, createdAtMs }: Consumer) => name === consumer.name && createdAtMs === consumer.createdAtMs;
    if (!current.stream.consumers.some(isThere)) controller.abort();
  };
  const stop = metadata.onChange(look);
  look();
  return { signal: controller.signal, stop };
}
