import type { AppendRange, Entry, NodeId, OutgoingMessage } from "@millrace/raft";
import { EntriesMissing, EntriesTruncated, type GroupId, type LogStore } from "@millrace/storage";
import { KIB, MIB } from "@millrace/util";
import type { CatchUpPace } from "./catch-up-pace.ts";
import type { Group } from "./group.ts";
import type { GroupMessage, PeerMessage, PeerTransport } from "./types.ts";
import { encodePeerFrame, messageSizeBytes } from "./wire.ts";

/** Above this what is to be sent waits for the network. */
export const SEND_BUFFER_BYTES_MAX = 4 * MIB;
const FRAME_SIZE_BYTES_AIM = 512 * KIB;

interface Range {
  readonly group: Group;
  message: AppendRange;
}

/**
 * What goes to one peer. Small messages of a turn share a frame. Entries are looked up when there is room to send them:
 * from the cache at once; from the disk one read at a time, so that a replica that catches up holds up nobody else.
 */
export class PeerSender {
  readonly #peer: NodeId;
  readonly #transport: PeerTransport;
  readonly #store: LogStore;
  readonly #pace: CatchUpPace;
  readonly #onError: (error: unknown) => void;
  #small: GroupMessage[] = [];
  #ranges: Range[] = [];
  /** By group, in order: behind a range that the disk must bring, later ones of the same group wait. */
  readonly #fromDisk = new Map<GroupId, Range[]>();
  #isReading = false;
  #isWaitingForDrain = false;
  /** Since the last node heartbeat was due. */
  hasSent = false;

  constructor(
    peer: NodeId,
    { transport, store, pace }: { transport: PeerTransport; store: LogStore; pace: CatchUpPace },
    onError: (error: unknown) => void,
  ) {
    this.#peer = peer;
    this.#transport = transport;
    this.#store = store;
    this.#pace = pace;
    this.#onError = onError;
  }

  add(group: Group, message: OutgoingMessage): void {
    if (message.type !== "appendRange") this.#small.push({ groupId: group.groupId, message });
    else if (message.toIndex < message.fromIndex)
      this.#small.push({ groupId: group.groupId, message: append(message, []) });
    else this.#ranges.push({ group, message });
  }

  /** What is not Raft's, in order with what is. */
  addOther(groupId: GroupId, message: PeerMessage): void {
    this.#small.push({ groupId, message });
  }

  heartbeat(): void {
    if (!this.hasSent) this.#transport.send(this.#peer, encodePeerFrame([]));
    this.hasSent = false;
  }

  flush(): void {
    let frame = this.#small;
    let sizeBytes = 0;
    for (const message of frame) sizeBytes += messageSizeBytes(message);
    this.#small = [];
    const { length } = this.#ranges;
    let taken = 0;
    for (; taken < length; taken++) {
      if (this.#isFull(sizeBytes)) break;
      const range = this.#ranges[taken] as Range;
      const waiting = this.#fromDisk.get(range.group.groupId);
      if (waiting !== undefined) {
        // Asked for again: what was to be sent from there on is it, or comes after it.
        if (range.message.fromIndex <= (waiting.at(-1)?.message.toIndex ?? 0)) waiting.length = 0;
        waiting.push(range);
        continue;
      }
      let added = this.#addCached(range, frame);
      while (added > 0) {
        sizeBytes += added;
        if (sizeBytes >= FRAME_SIZE_BYTES_AIM) {
          this.#send(frame);
          frame = [];
          sizeBytes = 0;
        }
        if (this.#isFull(sizeBytes)) break;
        added = this.#addCached(range, frame);
      }
      if (added > 0 && !isDone(range)) break; // the rest waits for room, at the head of the queue
    }
    if (taken > 0) this.#ranges.splice(0, taken);
    if (frame.length > 0) this.#send(frame);
    if (this.#ranges.length > 0) this.#waitForDrain();
    if (this.#fromDisk.size > 0) void this.#readLoop();
  }

  #isFull(pendingBytes: number): boolean {
    return this.#transport.bufferedBytes(this.#peer) + pendingBytes >= SEND_BUFFER_BYTES_MAX;
  }

  /** Bytes added; 0 when the range is through, stale, or a matter for the disk. */
  #addCached(range: Range, frame: GroupMessage[]): number {
    const { group, message } = range;
    if (isDone(range) || !group.leadsIn(message.term)) return 0;
    const entries = this.#store.cachedEntries(group.groupId, message.fromIndex, message.toIndex, {
      bytesMax: FRAME_SIZE_BYTES_AIM,
    });
    if (entries === undefined) {
      this.#fromDisk.set(group.groupId, [range]);
      return 0;
    }
    const part = { groupId: group.groupId, message: append(message, entries) };
    frame.push(part);
    range.message = rest(message, entries);
    const sizeBytes = messageSizeBytes(part);
    this.#pace.sentNew(sizeBytes);
    return sizeBytes;
  }

  #send(messages: readonly GroupMessage[]): void {
    this.hasSent = true;
    // Not taken: there is no connection. Raft asks again when there is.
    this.#transport.send(this.#peer, encodePeerFrame(messages));
  }

  #waitForDrain(): void {
    if (this.#isWaitingForDrain) return;
    this.#isWaitingForDrain = true;
    this.#transport.onDrain(this.#peer, () => {
      this.#isWaitingForDrain = false;
      this.flush();
    });
  }

  async #readLoop(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      for (let next = this.#nextFromDisk(); next !== undefined; next = this.#nextFromDisk()) {
        await this.#pace.sent(await this.#sendFromDisk(next));
        if (this.#isFull(0)) await new Promise<void>((resolve) => this.#transport.onDrain(this.#peer, resolve));
      }
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#isReading = false;
    }
  }

  /** In turns over the groups. */
  #nextFromDisk(): Range | undefined {
    for (const [groupId, ranges] of this.#fromDisk) {
      this.#fromDisk.delete(groupId);
      while (ranges.length > 0 && !this.#isWanted(ranges[0] as Range)) ranges.shift();
      if (ranges.length === 0) continue;
      this.#fromDisk.set(groupId, ranges);
      return ranges[0];
    }
    return undefined;
  }

  /** Not what the peer has said by now that it has: a probe is sent again with each heartbeat, and the disk's pace is slower than those. */
  #isWanted(range: Range): boolean {
    const { group, message } = range;
    if (isDone(range) || !isCurrent(range)) return false;
    const peer = group.followers().find(({ nodeId }) => nodeId === this.#peer);
    return peer !== undefined && message.toIndex > peer.matchIndex;
  }

  /** Bytes sent. */
  async #sendFromDisk(range: Range): Promise<number> {
    const { group, message } = range;
    try {
      const entries = await this.#store.read(group.groupId, message.fromIndex, message.toIndex, {
        bytesMax: FRAME_SIZE_BYTES_AIM,
      });
      if (!isCurrent(range)) return 0;
      const part = { groupId: group.groupId, message: append(message, entries) };
      this.#send([part]);
      range.message = rest(message, entries);
      return messageSizeBytes(part);
    } catch (error) {
      this.#fromDisk.delete(group.groupId);
      group.reportUnsent(this.#peer);
      // Truncated meanwhile: the core offers a snapshot. Anything else is worth a word.
      if (!(error instanceof EntriesTruncated) && !(error instanceof EntriesMissing)) throw error;
      return 0;
    }
  }

  /** The connection is gone, and with it what was on its way. */
  reset(): void {
    this.#small = [];
    this.#ranges = [];
    this.#fromDisk.clear();
  }
}

function isDone({ message }: Range): boolean {
  return message.toIndex < message.fromIndex;
}

function isCurrent({ group, message }: Range): boolean {
  return group.leadsIn(message.term);
}

function append({ from, to, term, prevIndex, prevTerm, commitIndex }: AppendRange, entries: readonly Entry[]) {
  return { type: "append", from, to, term, prevIndex, prevTerm, commitIndex, entries } as const;
}

function rest(range: AppendRange, entries: readonly Entry[]): AppendRange {
  const last = entries.at(-1);
  if (last === undefined) return { ...range, toIndex: range.fromIndex - 1 };
  return { ...range, prevIndex: last.index, prevTerm: last.term, fromIndex: last.index + 1 };
}
