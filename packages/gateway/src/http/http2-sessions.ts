import type { Clock } from "@millrace/util";
import type { ServerHttp2Session } from "node:http2";

/**
 * Pings a session so that a peer that vanished without a word is noticed, and closes one that has been without streams
 * for `idleTimeoutMs`.
 */
export function keepSessionAlive(
  session: ServerHttp2Session,
  clock: Clock,
  intervalMs: number,
  idleTimeoutMs: number,
): void {
  let openStreams = 0;
  let idleSinceMs = clock.monotonicMs();
  let isPingPending = false;
  session.on("stream", (stream) => {
    openStreams += 1;
    stream.once("close", () => {
      openStreams -= 1;
      idleSinceMs = clock.monotonicMs();
    });
  });
  const tick = (): void => {
    if (session.destroyed) return;
    // The last ping is unanswered after a whole interval: nobody is there.
    if (isPingPending) return session.destroy();
    if (openStreams === 0 && clock.monotonicMs() - idleSinceMs >= idleTimeoutMs) {
      session.close();
    } else if (!session.closed) {
      isPingPending = session.ping((error) => {
        if (error === null) isPingPending = false;
      });
    }
    timer = clock.setTimer(intervalMs, tick);
  };
  let timer = clock.setTimer(intervalMs, tick);
  session.once("close", () => timer.cancel());
}
