import type { Clock } from "@millrace/util";
import type { Socket } from "node:net";

export type WireProtocol = "tls" | "http2" | "http1";

const HTTP2_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** No HTTP/1 method begins so: four bytes tell. */
const DECISIVE_BYTES = 4;
const TLS_HANDSHAKE = 0x16;

/**
 * Waits for the first bytes of a connection and tells from them what the client speaks, then hands the socket on with
 * nothing consumed: it is paused, and the bytes are back in front. A silent or half-open client is dropped.
 */
export function sniff(
  socket: Socket,
  clock: Clock,
  timeoutMs: number,
  onProtocol: (protocol: WireProtocol) => void,
): void {
  let seen: Buffer = Buffer.alloc(0);
  const giveUp = (): void => {
    timer.cancel();
    socket.destroy();
  };
  const stop = (): void => timer.cancel();
  const onData = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const protocol = protocolOf(seen);
    if (protocol === undefined) return;
    timer.cancel();
    socket.pause();
    socket.off("data", onData).off("end", giveUp).off("close", stop);
    socket.unshift(seen);
    onProtocol(protocol);
  };
  const timer = clock.setTimer(timeoutMs, giveUp);
  socket.on("data", onData).on("end", giveUp).on("close", stop);
}

function protocolOf(seen: Buffer): WireProtocol | undefined {
  if (seen[0] === TLS_HANDSHAKE) return "tls";
  const compared = Math.min(seen.length, DECISIVE_BYTES);
  if (!seen.subarray(0, compared).equals(HTTP2_PREFACE.subarray(0, compared))) return "http1";
  return seen.length < DECISIVE_BYTES ? undefined : "http2";
}
