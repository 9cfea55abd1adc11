import { decodeMembership, encodeMembership, type Entry, type EntryType } from "@millrace/raft";
import { frameWithRoom, type RawFrame } from "@millrace/proto";
import type { GroupMessage, PeerMessage } from "./types.ts";

/**
 * The payload of a frame between two nodes: u8 version, then messages, one after another. Little-endian; indexes and terms
 * are u64 as two u32. Who sends and who receives is known from the connection. A frame without messages says that its
 * sender is alive.
 *
 * A message: u64 group · u8 type · u64 term · body by type. An entry: u8 type · u64 term · u32 size · payload.
 */
export const WIRE_VERSION = 1;

const MESSAGE_TYPES = [
  "vote",
  "preVote",
  "voteResponse",
  "preVoteResponse",
  "append",
  "appendResponse",
  "heartbeat",
  "heartbeatResponse",
  "snapshot",
  "timeoutNow",
  "fetchEntry",
  "fetchedEntry",
  "fetchedState",
] as const satisfies readonly PeerMessage["type"][];
const TYPE_NUMBERS = Object.fromEntries(MESSAGE_TYPES.map((type, number) => [type, number])) as Record<
  PeerMessage["type"],
  number
>;
const ENTRY_TYPES = ["noop", "data", "config"] as const satisfies readonly EntryType[];

const HEADER_SIZE_BYTES = 17;
export const ENTRY_HEADER_SIZE_BYTES = 13;

/** What comes from a network is no frame of ours. */
export class MalformedPeerFrame extends Error {
  override readonly name = "MalformedPeerFrame";
}

export function messageSizeBytes({ message }: GroupMessage): number {
  switch (message.type) {
    case "vote":
    case "preVote":
      return HEADER_SIZE_BYTES + 17;
    case "voteResponse":
    case "preVoteResponse":
      return HEADER_SIZE_BYTES + 1;
    case "append": {
      let size = HEADER_SIZE_BYTES + 28;
      for (const entry of message.entries) size += entrySizeBytes(entry);
      return size;
    }
    case "appendResponse":
    case "heartbeat":
      return HEADER_SIZE_BYTES + 25;
    case "heartbeatResponse":
      return HEADER_SIZE_BYTES + 16;
    case "snapshot":
      return HEADER_SIZE_BYTES + 24 + encodeMembership(message.membership).length + message.state.length;
    case "timeoutNow":
      return HEADER_SIZE_BYTES;
    case "fetchEntry":
      return HEADER_SIZE_BYTES + 8;
    case "fetchedEntry":
      return HEADER_SIZE_BYTES + 9 + (message.entry === undefined ? 0 : entrySizeBytes(message.entry));
    case "fetchedState":
      return HEADER_SIZE_BYTES + 28 + message.state.length;
  }
}

function entrySizeBytes({ payload }: Entry): number {
  return ENTRY_HEADER_SIZE_BYTES + payload.length;
}

/** A frame ready to be sent: entries are copied once, here. */
export function encodePeerFrame(messages: readonly GroupMessage[]): Required<RawFrame> {
  let size = 1;
  for (const message of messages) size += messageSizeBytes(message);
  const frame = frameWithRoom(size);
  const target = frame.payload;
  target[0] = WIRE_VERSION;
  const writer = theWriter;
  writer.begin(target, 1);
  for (const { groupId, message } of messages) {
    writer.u64(groupId);
    writer.u8(TYPE_NUMBERS[message.type]);
    writer.u64("term" in message ? message.term : 0);
    writeBody(writer, message);
  }
  return frame;
}

function writeBody(writer: Writer, message: PeerMessage): void {
  switch (message.type) {
    case "vote":
    case "preVote":
      writer.u64(message.lastIndex);
      writer.u64(message.lastTerm);
      writer.u8(message.force ? 1 : 0);
      return;
    case "voteResponse":
    case "preVoteResponse":
      writer.u8(message.granted ? 1 : 0);
      return;
    case "append":
      writer.u64(message.prevIndex);
      writer.u64(message.prevTerm);
      writer.u64(message.commitIndex);
      writer.u32(message.entries.length);
      for (const entry of message.entries) writeEntry(writer, entry);
      return;
    case "appendResponse":
      writer.u8(message.success ? 1 : 0);
      writer.u64(message.index);
      writer.u64(message.hintIndex);
      writer.u64(message.hintTerm);
      return;
    case "heartbeat":
      writer.u64(message.commitIndex);
      writer.u64(message.readContext);
      writer.u8(message.quiesce ? 1 : 0);
      writer.u64(message.lastIndex);
      return;
    case "heartbeatResponse":
      writer.u64(message.readContext);
      writer.u64(message.lastIndex);
      return;
    case "snapshot":
      writer.u64(message.index);
      writer.u64(message.indexTerm);
      writer.bytes(encodeMembership(message.membership));
      writer.bytes(message.state);
      return;
    case "timeoutNow":
      return;
    case "fetchEntry":
      writer.u64(message.index);
      return;
    case "fetchedState":
      writer.u64(message.index);
      writer.u64(message.truncatedIndex);
      writer.u64(message.truncatedTerm);
      writer.bytes(message.state);
      return;
    case "fetchedEntry":
      writer.u64(message.index);
      writer.u8(message.entry === undefined ? 0 : 1);
      if (message.entry !== undefined) writeEntry(writer, message.entry);
      return;
  }
}

function writeEntry(writer: Writer, { type, term, payload }: Entry): void {
  writer.u8(ENTRY_TYPES.indexOf(type));
  writer.u64(term);
  writer.bytes(payload);
}

/** Payloads are views of `frame`. @throws MalformedPeerFrame */
export function decodePeerFrame(frame: Buffer, from: string, to: string): GroupMessage[] {
  if (frame[0] !== WIRE_VERSION) throw new MalformedPeerFrame(`unknown version ${frame[0]}`);
  const reader = theReader;
  reader.begin(frame, 1);
  const messages: GroupMessage[] = [];
  while (!reader.isAtEnd) {
    const groupId = reader.u64();
    const type = MESSAGE_TYPES[reader.u8()];
    if (type === undefined) throw new MalformedPeerFrame("unknown message type");
    messages.push({ groupId, message: readBody(reader, type, from, to, reader.u64()) });
  }
  return messages;
}

/** Spelled out: properties that are added to a spread cost microseconds each (V8 11), and this runs for every message. */
function readBody(reader: Reader, type: PeerMessage["type"], from: string, to: string, term: number): PeerMessage {
  switch (type) {
    case "vote":
    case "preVote":
      return { from, to, term, type, lastIndex: reader.u64(), lastTerm: reader.u64(), force: reader.flag() };
    case "voteResponse":
    case "preVoteResponse":
      return { from, to, term, type, granted: reader.flag() };
    case "append": {
      const prevIndex = reader.u64();
      const prevTerm = reader.u64();
      const commitIndex = reader.u64();
      const entries: Entry[] = [];
      for (let left = reader.u32(), index = prevIndex + 1; left > 0; left--, index++) {
        entries.push(readEntry(reader, index));
      }
      return { from, to, term, type, prevIndex, prevTerm, commitIndex, entries };
    }
    case "appendResponse":
      return {
        from,
        to,
        term,
        type,
        success: reader.flag(),
        index: reader.u64(),
        hintIndex: reader.u64(),
        hintTerm: reader.u64(),
      };
    case "heartbeat":
      return {
        from,
        to,
        term,
        type,
        commitIndex: reader.u64(),
        readContext: reader.u64(),
        quiesce: reader.flag(),
        lastIndex: reader.u64(),
      };
    case "heartbeatResponse":
      return { from, to, term, type, readContext: reader.u64(), lastIndex: reader.u64() };
    case "snapshot": {
      const index = reader.u64();
      const indexTerm = reader.u64();
      const membership = decodeMembership(reader.bytes());
      if (membership === undefined) throw new MalformedPeerFrame("unreadable membership");
      return { from, to, term, type, index, indexTerm, membership, state: reader.bytes() };
    }
    case "timeoutNow":
      return { from, to, term, type };
    case "fetchEntry":
      return { from, to, type, index: reader.u64() };
    case "fetchedState": {
      const index = reader.u64();
      const truncatedIndex = reader.u64();
      return { from, to, type, index, truncatedIndex, truncatedTerm: reader.u64(), state: reader.bytes() };
    }
    case "fetchedEntry": {
      const index = reader.u64();
      return { from, to, type, index, entry: reader.flag() ? readEntry(reader, index) : undefined };
    }
  }
}

function readEntry(reader: Reader, index: number): Entry {
  const type = ENTRY_TYPES[reader.u8()];
  if (type === undefined) throw new MalformedPeerFrame("unknown entry type");
  return { index, type, term: reader.u64(), payload: reader.bytes() };
}

const NOTHING: Buffer = Buffer.alloc(0);

class Writer {
  #target = NOTHING;
  #position = 0;

  begin(target: Buffer, position: number): void {
    this.#target = target;
    this.#position = position;
  }

  u8(value: number): void {
    this.#target[this.#position++] = value;
  }

  u32(value: number): void {
    this.#position = this.#target.writeUInt32LE(value, this.#position);
  }

  u64(value: number): void {
    this.#position = this.#target.writeUInt32LE(value >>> 0, this.#position);
    this.#position = this.#target.writeUInt32LE(Math.floor(value / 0x1_0000_0000), this.#position);
  }

  bytes(value: Buffer): void {
    this.u32(value.length);
    this.#target.set(value, this.#position);
    this.#position += value.length;
  }
}

class Reader {
  #source = NOTHING;
  #position = 0;

  begin(source: Buffer, position: number): void {
    this.#source = source;
    this.#position = position;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#source.length;
  }

  #take(count: number): number {
    const at = this.#position;
    if (at + count > this.#source.length) throw new MalformedPeerFrame("truncated");
    this.#position = at + count;
    return at;
  }

  u8(): number {
    return this.#source[this.#take(1)] as number;
  }

  flag(): boolean {
    return this.u8() === 1;
  }

  u32(): number {
    return this.#source.readUInt32LE(this.#take(4));
  }

  u64(): number {
    const at = this.#take(8);
    const value = this.#source.readUInt32LE(at) + this.#source.readUInt32LE(at + 4) * 0x1_0000_0000;
    if (!Number.isSafeInteger(value)) throw new MalformedPeerFrame("number out of range");
    return value;
  }

  bytes(): Buffer {
    const size = this.u32();
    const at = this.#take(size);
    return this.#source.subarray(at, at + size);
  }
}

/** One of each, always alive: V8 forgets compiled code that knows a class of which nothing lives when it collects the heap. */
const theWriter = new Writer();
const theReader = new Reader();
