import type { Clock } from "@millrace/util";
import type { ServerHttp2Session } from "node:http2";

/**
 * Pings a session so that a peer that vanished without a word is noticed, and closes one that has been without streams
 * for `idleTimeoutMs`. A peer that sends has not vanished: its answer may stand behind megabytes of bodies.
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
  let readBytesBefore = 0;
  session.on("stream", (stream) => {
    openStreams += 1;
    stream.once("close", () => {
      openStreams -= 1;
      idleSinceMs = clock.monotonicMs();
    });
  });
  const tick = (): void => {
    if (session.destroyed) return;
    const readBytes = session.socket.bytesRead;
    // The last ping is unanswered after a whole interval, in which nothing else came either: nobody is there.
    if (isPingPending && readBytes === readBytesBefore) return session.destroy();
    readBytesBefore = readBytes;
    if (openStreams === 0 && clock.monotonicMs() - idleSinceMs >= idleTimeoutMs) {
      session.close();
    } else if (!session.closed && !isPingPending) {
      isPingPending = session.ping((error) => {
        if (error === null) isPingPending = false;
      });
    }
    timer = clock.setTimer(intervalMs, tick);
  };
  let timer = clock.setTimer(intervalMs, tick);
  session.once("close", () => timer.cancel());
}
