import { assert } from "@millrace/util";
import type { Entry } from "@millrace/raft";
import type { EntryAttributes, GroupId } from "./log-store.ts";
import type { EntryRecord } from "./records.ts";

/** What an entry costs beside its payload. */
const OVERHEAD_BYTES = 200;

/** An entry on its way to the disk, and in the cache afterwards. */
export class CachedEntry implements EntryRecord {
  readonly kind = "entry";
  readonly moved = false;
  readonly groupId: GroupId;
  readonly entry: Entry;
  readonly attributes: EntryAttributes | undefined;
  positionBytes = 0;
  /** Durable and in the index: may be evicted. Until then this is the only place to read it from. */
  indexed = false;
  /** By age, of all groups. */
  previous: CachedEntry | undefined = undefined;
  next: CachedEntry | undefined = undefined;

  constructor(groupId: GroupId, entry: Entry, attributes: EntryAttributes | undefined) {
    this.groupId = groupId;
    this.entry = entry;
    this.attributes = attributes;
  }

  get sizeBytes(): number {
    return OVERHEAD_BYTES + this.entry.payload.length;
  }
}

/** A group's newest entries: contiguous up to the log's end. */
interface Tail {
  /** Nothing where one has gone: its payload is not to live on. */
  entries: (CachedEntry | undefined)[];
  /** How many at the front have gone already. */
  gone: number;
}

/**
 * The newest entries of all groups, within a bound, oldest out first. What is not in the index yet stays whatever the
 * bound: the number of those is limited by who submits.
 */
export class EntryCache {
  readonly #limitBytes: number;
  readonly #tails = new Map<GroupId, Tail>();
  #oldest: CachedEntry | undefined;
  #newest: CachedEntry | undefined;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(cached: CachedEntry): void {
    let tail = this.#tails.get(cached.groupId);
    if (tail === undefined) {
      tail = { entries: [], gone: 0 };
      this.#tails.set(cached.groupId, tail);
    }
    const last = tail.entries.at(-1);
    assert(
      last === undefined || last.entry.index + 1 === cached.entry.index,
      "a group's cached entries are contiguous",
    );
    tail.entries.push(cached);
    cached.previous = this.#newest;
    if (this.#newest === undefined) this.#oldest = cached;
    else this.#newest.next = cached;
    this.#newest = cached;
    this.#bytes += cached.sizeBytes;
  }

  /** Index from which on the log's end is held, or undefined when nothing is. */
  firstIndex(groupId: GroupId): number | undefined {
    const tail = this.#tails.get(groupId);
    return tail?.entries[tail.gone]?.entry.index;
  }

  get(groupId: GroupId, index: number): CachedEntry | undefined {
    const tail = this.#tails.get(groupId);
    const first = tail?.entries[tail.gone];
    if (tail === undefined || first === undefined || index < first.entry.index) return undefined;
    return tail.entries[tail.gone + index - first.entry.index];
  }

  truncateSuffix(groupId: GroupId, lastIndex: number): void {
    const tail = this.#tails.get(groupId);
    if (tail === undefined) return;
    for (;;) {
      const last = tail.entries.at(-1);
      if (last === undefined || tail.entries.length <= tail.gone || last.entry.index <= lastIndex) break;
      tail.entries.pop();
      this.#drop(last);
    }
    this.#tidy(groupId, tail);
  }

  truncatePrefix(groupId: GroupId, index: number): void {
    const tail = this.#tails.get(groupId);
    if (tail === undefined) return;
    for (;;) {
      const first = tail.entries[tail.gone];
      if (first === undefined || first.entry.index > index) break;
      this.#dropFirst(tail, first);
    }
    this.#tidy(groupId, tail);
  }

  clear(groupId: GroupId): void {
    this.truncateSuffix(groupId, 0);
  }

  /** Called when more entries became `indexed`. */
  evict(): void {
    while (this.#bytes > this.#limitBytes) {
      const oldest = this.#oldest;
      if (oldest === undefined || !oldest.indexed) return;
      const tail = this.#tails.get(oldest.groupId);
      assert(tail?.entries[tail.gone] === oldest, "a group's oldest entry is first");
      this.#dropFirst(tail, oldest);
      this.#tidy(oldest.groupId, tail);
    }
  }

  #dropFirst(tail: Tail, first: CachedEntry): void {
    tail.entries[tail.gone++] = undefined;
    this.#drop(first);
  }

  #drop(cached: CachedEntry): void {
    const { previous, next } = cached;
    this.#bytes -= cached.sizeBytes;
    if (previous === undefined) this.#oldest = next;
    else previous.next = next;
    if (next === undefined) this.#newest = previous;
    else next.previous = previous;
    cached.previous = undefined;
    cached.next = undefined;
  }

  #tidy(groupId: GroupId, tail: Tail): void {
    if (tail.gone === tail.entries.length) this.#tails.delete(groupId);
    else if (tail.gone > 64 && tail.gone * 2 > tail.entries.length) {
      tail.entries = tail.entries.slice(tail.gone);
      tail.gone = 0;
    }
  }
}
