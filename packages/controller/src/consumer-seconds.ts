import type { Command, Command__Output, StreamKey } from "@millrace/proto";
import type { ClusterState } from "./state/cluster-state.ts";

/** Clocks of two leaders, one after the other, are not so far apart. */
const REMEMBERED_FOR_S = 60;

/**
 * When consumers that are gone had been made. A consumer's ARN ends in that second, and the old one must not name another consumer of
 * its name: the leader gives the command that makes it a later time. It is the leader's to know, and no part of the state, so that
 * replicas of the release before decide alike; but each notes it, for the next leader may be there at once.
 */
export class ConsumerSeconds {
  /** By stream and name, in the order in which they went. */
  readonly #gone = new Map<string, number>();

  /** Before it is decided. */
  applying(state: ClusterState, { updateStream, removeStream }: Command__Output, nowMs: number): void {
    const name = updateStream?.deregisterConsumer;
    const ofName = updateStream?.key && name !== undefined ? state.streamByKey(updateStream.key) : undefined;
    const stream = removeStream ? state.streams.get(removeStream.streamId) : ofName;
    for (const consumer of stream?.consumers ?? []) {
      if (removeStream || consumer.name === name) this.#note(textOf(stream?.key, consumer.name), consumer.createdAtMs);
    }
    this.#forget(Math.floor(nowMs / 1_000) - REMEMBERED_FOR_S);
  }

  /** The time to decide a command by, instead of `nowMs`. */
  timeFor({ updateStream }: Command, nowMs: number): number {
    const name = updateStream?.registerConsumer;
    if (name === undefined) return nowMs;
    const goneS = this.#gone.get(textOf(updateStream?.key, name));
    return goneS === undefined ? nowMs : Math.max(nowMs, (goneS + 1) * 1_000);
  }

  #note(text: string, createdAtMs: number): void {
    this.#gone.delete(text);
    this.#gone.set(text, Math.floor(createdAtMs / 1_000));
  }

  #forget(beforeS: number): void {
    for (const [text, createdAtS] of this.#gone) {
      if (createdAtS >= beforeS) return;
      this.#gone.delete(text);
    }
  }
}

function textOf(key: Partial<StreamKey> | null | undefined, name: string): string {
  return [key?.accountId, key?.region, key?.name, name].join("/");
}
