import { assert } from "@millrace/util";
import { frameWithRoom, type RawFrame } from "../frame.ts";

/**
 * Many small requests or answers in one stream frame. An item: u32 size of what follows | u32 request id | u8 kind |
 * body. Little-endian. Bodies are views of the frame.
 */
export interface FrameItem {
  readonly requestId: number;
  readonly kind: number;
  readonly body: Buffer;
}

export const ITEM_HEADER_SIZE_BYTES = 9;
const SIZE_FIELD_BYTES = 4;

/** One frame payload for `items`. */
export function encodeItems(items: readonly OutgoingItem[]): Buffer {
  const target = Buffer.allocUnsafe(totalSizeBytes(items));
  writeItems(items, target);
  return target;
}

/** A frame of `items`, ready to be sent: bodies are copied once, here. */
export function encodeItemFrame(items: readonly OutgoingItem[]): RawFrame {
  const frame = frameWithRoom(totalSizeBytes(items));
  writeItems(items, frame.payload);
  return frame;
}

function totalSizeBytes(items: readonly OutgoingItem[]): number {
  let total = 0;
  for (const item of items) total += itemSizeBytes(item);
  return total;
}

function writeItems(items: readonly OutgoingItem[], target: Buffer): void {
  let position = 0;
  for (const item of items) {
    const end = position + itemSizeBytes(item);
    target.writeUInt32LE(end - position - SIZE_FIELD_BYTES, position);
    target.writeUInt32LE(item.requestId, position + 4);
    target[position + 8] = item.kind;
    position += ITEM_HEADER_SIZE_BYTES;
    for (const piece of item.body) {
      target.set(piece, position);
      position += piece.length;
    }
    assert(position === end, "an item fills its room");
  }
}

export interface OutgoingItem {
  readonly requestId: number;
  readonly kind: number;
  readonly body: readonly Uint8Array[];
}

export function itemSizeBytes(item: OutgoingItem): number {
  let size = ITEM_HEADER_SIZE_BYTES;
  for (const piece of item.body) size += piece.length;
  return size;
}

/** @throws RangeError when the frame is no sequence of items: the stream is then ended. */
export function decodeItems(payload: Buffer): FrameItem[] {
  const items: FrameItem[] = [];
  let position = 0;
  while (position < payload.length) {
    if (position + ITEM_HEADER_SIZE_BYTES > payload.length) throw new RangeError("malformed frame: truncated item");
    const end = position + SIZE_FIELD_BYTES + payload.readUInt32LE(position);
    if (end < position + ITEM_HEADER_SIZE_BYTES || end > payload.length) {
      throw new RangeError("malformed frame: bad item size");
    }
    items.push({
      requestId: payload.readUInt32LE(position + 4),
      kind: payload[position + 8] as number,
      body: payload.subarray(position + ITEM_HEADER_SIZE_BYTES, end),
    });
    position = end;
  }
  return items;
}
