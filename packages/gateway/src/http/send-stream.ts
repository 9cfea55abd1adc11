import type { Clock } from "@millrace/util";
import type { Writable } from "node:stream";
import { piecesOf } from "./pieces.ts";

export type StreamEnd =
  { readonly kind: "done" | "closed" | "stalled" } | { readonly kind: "failed"; readonly error: unknown };

/**
 * Sends pieces as they come, asking for the next one only when the client has room: a slow reader holds back its own
 * producer and nobody else. A reader that takes nothing for `stallTimeoutMs` is given up. Does not end the writable.
 */
export async function sendStream(
  writable: Writable,
  pieces: AsyncIterable<Uint8Array>,
  clock: Clock,
  stallTimeoutMs: number,
): Promise<StreamEnd> {
  try {
    for await (const whole of pieces) {
      for (const piece of piecesOf(whole)) {
        if (isOver(writable)) return { kind: "closed" };
        if (writable.write(piece)) continue;
        const room = await roomOrEnd(writable, clock, stallTimeoutMs);
        if (room !== "room") return { kind: room };
      }
    }
    return { kind: "done" };
  } catch (error) {
    return { kind: "failed", error };
  }
}

function isOver(writable: Writable): boolean {
  return writable.closed || writable.destroyed || writable.writableEnded;
}

function roomOrEnd(writable: Writable, clock: Clock, stallTimeoutMs: number): Promise<"room" | "closed" | "stalled"> {
  return new Promise((resolve) => {
    const settle = (outcome: "room" | "closed" | "stalled"): void => {
      timer.cancel();
      writable.off("drain", onDrain).off("close", onClose);
      resolve(outcome);
    };
    const onDrain = (): void => settle("room");
    const onClose = (): void => settle("closed");
    const timer = clock.setTimer(stallTimeoutMs, () => settle("stalled"));
    writable.on("drain", onDrain).on("close", onClose);
    if (isOver(writable)) settle("closed");
  });
}
