import { MIB } from "@millrace/util";
import type { Writable } from "node:stream";

/**
 * So much of one answer is in its connection's queue at a time. An HTTP/2 session has a bound on what all of its streams have queued, and
 * lets no new stream in above it: a few answers of ten megabytes, or subscribers that do not read, would lock out all else that is asked there.
 */
export const PIECE_BYTES_MAX = MIB;

export function* piecesOf(bytes: Uint8Array): Generator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX) yield bytes.subarray(at, at + PIECE_BYTES_MAX);
}

/** Writes all of it at the pace at which it is taken, and ends the stream. A stream that is destroyed takes no more. */
export function endInPieces(writable: Writable, parts: readonly Uint8Array[]): void {
  const pieces = (function* () {
    for (const part of parts) yield* piecesOf(part);
  })();
  const more = (): void => {
    for (let next = pieces.next(); next.done !== true; next = pieces.next()) {
      if (writable.write(next.value) || writable.writableLength < PIECE_BYTES_MAX) continue;
      writable.once("drain", more);
      return;
    }
    writable.end();
  };
  more();
}
