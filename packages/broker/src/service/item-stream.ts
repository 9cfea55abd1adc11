import type { ServerDuplexStream } from "@grpc/grpc-js";
import { status as grpcStatus } from "@grpc/grpc-js";
import {
  decodeItems,
  encodeItemFrame,
  type FrameItem,
  itemSizeBytes,
  type OutgoingItem,
  type RawFrame,
  recycleFrame,
  type ShardLogStatus,
} from "@millrace/proto";
import { errorMessage, KIB, type Logger, MIB } from "@millrace/util";

export type ItemCall = ServerDuplexStream<RawFrame, RawFrame>;
export type RespondItem = (status: ShardLogStatus, body: readonly Uint8Array[]) => void;

const FRAME_SIZE_BYTES_AIM = 256 * KIB;
/** Answers that the client has not taken: it is not read from until it has. */
const UNSENT_BYTES_MAX = 16 * MIB;

/**
 * One stream of small requests, many in a frame, answered in any order. A client that does not take its answers, or has too
 * many requests open, is not read from; what is no frame ends the stream.
 */
export function serveItems(
  call: ItemCall,
  options: { readonly openMax: number; readonly logger: Logger; handle(item: FrameItem, respond: RespondItem): void },
): void {
  let outgoing: OutgoingItem[] = [];
  let open = 0;
  let unsentBytes = 0;
  let isEnded = false;
  let isFlushQueued = false;
  let isPaused = false;

  const regulate = (): void => {
    const isFull = open >= options.openMax || unsentBytes > UNSENT_BYTES_MAX;
    if (isFull && !isPaused) {
      isPaused = true;
      call.pause();
    } else if (isPaused && open < options.openMax / 2 + 1 && unsentBytes <= UNSENT_BYTES_MAX / 2) {
      isPaused = false;
      call.resume();
    }
  };

  const flush = (): void => {
    isFlushQueued = false;
    const items = outgoing;
    outgoing = [];
    if (isEnded) return;
    for (let at = 0; at < items.length;) {
      let sizeBytes = 0;
      let end = at;
      do sizeBytes += itemSizeBytes(items[end++] as OutgoingItem);
      while (end < items.length && sizeBytes + itemSizeBytes(items[end] as OutgoingItem) <= FRAME_SIZE_BYTES_AIM);
      unsentBytes += sizeBytes;
      const frame = encodeItemFrame(items.slice(at, end));
      call.write(frame, () => {
        recycleFrame(frame);
        unsentBytes -= sizeBytes;
        regulate();
      });
      at = end;
    }
    regulate();
  };

  const respondTo =
    (requestId: number): RespondItem =>
    (status, body) => {
      open--;
      outgoing.push({ requestId, kind: status, body });
      if (isFlushQueued) return;
      isFlushQueued = true;
      queueMicrotask(flush);
    };

  call.on("data", ({ payload }: RawFrame) => {
    try {
      for (const item of decodeItems(payload)) {
        open++;
        options.handle(item, respondTo(item.requestId));
      }
      regulate();
    } catch (error) {
      options.logger.warn({ error: errorMessage(error) }, "a stream is ended: what came is no frame");
      isEnded = true;
      call.emit("error", { code: grpcStatus.INVALID_ARGUMENT, details: errorMessage(error) });
    }
  });
  call.on("end", () => {
    isEnded = true;
    call.end();
  });
  for (const event of ["cancelled", "error"]) {
    call.on(event, () => {
      isEnded = true;
    });
  }
}
