import { assert } from "@millrace/util";
import type { IndexOpener, IndexPair, IndexStore } from "../index-store.ts";

type Operation =
  | { readonly kind: "put"; readonly key: string; readonly value: Buffer }
  | { readonly kind: "delete"; readonly key: string };

/**
 * The index's twin for tests and the simulation. It keeps the contents of each directory over `open` and `close`, and
 * can forget: everything (`destroy`), or the newest commits, as RocksDB may after a power cut (`crash`).
 */
export class MemoryIndexes implements IndexOpener {
  readonly #byDirectory = new Map<string, SortedMap>();
  #generation = 0;

  open(directory: string): Promise<IndexStore> {
    let contents = this.#byDirectory.get(directory);
    if (contents === undefined) {
      contents = new SortedMap();
      this.#byDirectory.set(directory, contents);
    }
    const generation = this.#generation;
    return Promise.resolve(new MemoryIndex(contents, () => generation === this.#generation));
  }

  destroy(directory: string): Promise<void> {
    this.#byDirectory.delete(directory);
    return Promise.resolve();
  }

  /** What is open is unusable from now on; each directory goes back by up to `commits` (at most the last 64). */
  crash(commits: number): void {
    this.#generation++;
    for (const contents of this.#byDirectory.values()) contents.undo(commits);
  }
}

class MemoryIndex implements IndexStore {
  readonly #contents: SortedMap;
  readonly #alive: () => boolean;
  #pending: Operation[] = [];
  #closed = false;

  constructor(contents: SortedMap, alive: () => boolean) {
    this.#contents = contents;
    this.#alive = alive;
  }

  get(key: Buffer): Buffer | undefined {
    this.#check();
    return this.#contents.get(key.toString("latin1"));
  }

  range(from: Buffer, to: Buffer, limit: number): IndexPair[] {
    this.#check();
    return this.#contents.range(from.toString("latin1"), to.toString("latin1"), limit);
  }

  put(key: Buffer, value: Buffer): void {
    this.#pending.push({ kind: "put", key: key.toString("latin1"), value: Buffer.from(value) });
  }

  delete(key: Buffer): void {
    this.#pending.push({ kind: "delete", key: key.toString("latin1") });
  }

  deleteRange(from: Buffer, to: Buffer): void {
    this.commit();
    this.#contents.deleteRange(from.toString("latin1"), to.toString("latin1"));
  }

  commit(): void {
    this.#check();
    this.#contents.apply(this.#pending);
    this.#pending = [];
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #check(): void {
    assert(!this.#closed, "the index is open");
    if (!this.#alive()) throw new Error("the machine crashed");
  }
}

/** A sorted array of keys beside a map. Latin-1 strings order as their bytes do. */
class SortedMap {
  static readonly undoMax = 64;
  readonly #values = new Map<string, Buffer>();
  #keys: string[] = [];
  /** What each of the newest commits overwrote, oldest first. */
  readonly #undo: Map<string, Buffer | undefined>[] = [];
  #before = new Map<string, Buffer | undefined>();

  get(key: string): Buffer | undefined {
    return this.#values.get(key);
  }

  range(from: string, to: string, limit: number): IndexPair[] {
    const pairs: IndexPair[] = [];
    for (let at = this.#firstAtLeast(from); at < this.#keys.length && pairs.length < limit; at++) {
      const key = this.#keys[at] as string;
      if (key >= to) break;
      pairs.push({ key: Buffer.from(key, "latin1"), value: this.#values.get(key) as Buffer });
    }
    return pairs;
  }

  apply(operations: readonly Operation[]): void {
    for (const operation of operations) {
      this.#set(operation.key, operation.kind === "put" ? operation.value : undefined);
    }
    this.#undo.push(this.#before);
    this.#before = new Map();
    if (this.#undo.length > SortedMap.undoMax) this.#undo.shift();
  }

  deleteRange(from: string, to: string): void {
    for (const key of this.#keys.slice(this.#firstAtLeast(from), this.#firstAtLeast(to))) this.#set(key, undefined);
  }

  undo(count: number): void {
    // Range deletions since the last commit are part of what may be lost.
    this.#undo.push(this.#before);
    for (let done = 0; done <= count; done++) {
      const before = this.#undo.pop();
      if (before === undefined) break;
      for (const [key, value] of before) this.#set(key, value);
    }
    this.#before = new Map();
  }

  #set(key: string, value: Buffer | undefined): void {
    const present = this.#values.get(key);
    if (!this.#before.has(key)) this.#before.set(key, present);
    if (value === undefined) {
      if (present === undefined) return;
      this.#values.delete(key);
      this.#keys.splice(this.#firstAtLeast(key), 1);
      return;
    }
    if (present === undefined) this.#keys.splice(this.#firstAtLeast(key), 0, key);
    this.#values.set(key, value);
  }

  #firstAtLeast(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
