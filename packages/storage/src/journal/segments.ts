/** The journal's files: names, live bytes, and handles that stay usable while a segment is being removed. */
import { join } from "node:path";
import { assert, defined, type Disk, type DiskFile } from "@millrace/util";
import { CorruptJournal } from "../errors.ts";
import type { UsageListener } from "../segment-runs.ts";
import { decodeGroupHeader, frameSeed, GROUP_HEADER_SIZE_BYTES } from "./write-group.ts";

const OPEN_FILES_MAX = 64;
const NAME_PATTERN = /^(\d{16})\.journal$/;

export interface Segment {
  readonly id: number;
  readonly path: string;
  /** End of the last whole write group. */
  sizeBytes: number;
  /** When it stopped being written, monotonic; undefined for the current one. */
  closedAtMs: number | undefined;
}

/** An open file. Call `release` when done: the segment may have been removed meanwhile. */
export interface SegmentLease {
  readonly file: DiskFile;
  readonly path: string;
  /** Initial CRC of the frames in it. */
  readonly seed: number;
  release(): void;
}

interface OpenFile {
  readonly path: string;
  opening: Promise<{ file: DiskFile; seed: number }>;
  references: number;
  removed: boolean;
}

export function segmentName(id: number): string {
  return `${String(id).padStart(16, "0")}.journal`;
}

/** Number of the segment, or undefined for other files. */
export function segmentIdOf(name: string): number | undefined {
  const match = NAME_PATTERN.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export class Segments implements UsageListener {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #segments = new Map<number, Segment>();
  /** Also of segments that are not (or no longer) there: recovery compares. */
  readonly #live = new Map<number, { bytes: number; items: number }>();
  /** In order of use, oldest first. */
  readonly #open = new Map<number, OpenFile>();
  readonly #onCloseFailure: (error: unknown) => void;

  constructor(disk: Disk, directory: string, onCloseFailure: (error: unknown) => void) {
    this.#disk = disk;
    this.#directory = directory;
    this.#onCloseFailure = onCloseFailure;
  }

  change(segmentId: number, bytes: number, items: number): void {
    const live = this.#live.get(segmentId) ?? { bytes: 0, items: 0 };
    live.bytes += bytes;
    live.items += items;
    assert(live.items >= 0, "no more can die in a segment than lives there");
    if (live.items === 0) this.#live.delete(segmentId);
    else this.#live.set(segmentId, live);
  }

  pathOf(id: number): string {
    return join(this.#directory, segmentName(id));
  }

  add(id: number, sizeBytes: number, closedAtMs: number | undefined): Segment {
    const segment: Segment = { id, path: this.pathOf(id), sizeBytes, closedAtMs };
    this.#segments.set(id, segment);
    return segment;
  }

  get(id: number): Segment | undefined {
    return this.#segments.get(id);
  }

  /** Ascending by number: that is the order in which they are added. */
  all(): IterableIterator<Segment> {
    return this.#segments.values();
  }

  get count(): number {
    return this.#segments.size;
  }

  liveBytes(id: number): number {
    return this.#live.get(id)?.bytes ?? 0;
  }

  isDead(segment: Segment): boolean {
    return segment.closedAtMs !== undefined && !this.#live.has(segment.id);
  }

  /** Numbers that live entries refer to. */
  liveIds(): number[] {
    return [...this.#live.keys()];
  }

  totalBytes(): number {
    let sum = 0;
    for (const segment of this.#segments.values()) sum += segment.sizeBytes;
    return sum;
  }

  /** Undefined when the segment is gone: look the entry up again. @throws CorruptJournal when it is not what it should be. */
  async acquire(id: number): Promise<SegmentLease | undefined> {
    if (!this.#segments.has(id)) return undefined;
    let open = this.#open.get(id);
    if (open === undefined) {
      const path = this.pathOf(id);
      open = { path, opening: this.#openFile(id, path), references: 0, removed: false };
    } else {
      this.#open.delete(id);
    }
    this.#open.set(id, open);
    open.references++;
    this.#closeUnused();
    const held = open;
    try {
      const { file, seed } = await held.opening;
      return { file, path: held.path, seed, release: () => this.#release(held) };
    } catch (error) {
      if (this.#open.get(id) === held) this.#open.delete(id);
      if (held.removed) return undefined;
      throw error;
    }
  }

  /** Removes the file; readers that hold it finish undisturbed, and the disk gets its room back after the last. */
  async remove(segment: Segment): Promise<void> {
    assert(!this.#live.has(segment.id), "only dead segments go");
    this.#segments.delete(segment.id);
    const open = this.#open.get(segment.id);
    if (open !== undefined) {
      open.removed = true;
      this.#open.delete(segment.id);
      if (open.references === 0) this.#close(open);
    }
    await this.#disk.remove(segment.path);
  }

  async close(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    for (const open of files) {
      open.removed = true;
      if (open.references === 0) await open.opening.then(({ file }) => file.close(), this.#onCloseFailure);
    }
  }

  async #openFile(id: number, path: string): Promise<{ file: DiskFile; seed: number }> {
    const file = await this.#disk.open(path, { create: false });
    const bytes = Buffer.alloc(GROUP_HEADER_SIZE_BYTES);
    await file.read(bytes, 0);
    const header = decodeGroupHeader(bytes, 0);
    if (header === undefined || header.identity.segmentId !== id) {
      await file.close();
      throw new CorruptJournal(path, 0, "the segment's first header is not valid");
    }
    return { file, seed: frameSeed(header.identity) };
  }

  #release(open: OpenFile): void {
    open.references--;
    if (open.removed && open.references === 0) this.#close(open);
  }

  #closeUnused(): void {
    if (this.#open.size <= OPEN_FILES_MAX) return;
    for (const [id, open] of this.#open) {
      if (this.#open.size <= OPEN_FILES_MAX) return;
      if (open.references > 0) continue;
      this.#open.delete(id);
      this.#close(open);
    }
  }

  #close(open: OpenFile): void {
    open.opening.then(({ file }) => file.close()).catch(this.#onCloseFailure);
  }
}

/** The file of the current segment, for the writer. */
export interface CurrentSegment {
  readonly segment: Segment;
  readonly file: DiskFile;
  readonly identity: { readonly segmentId: number; readonly salt: Buffer };
  readonly seed: number;
}

export function currentOf(current: CurrentSegment | undefined): CurrentSegment {
  return defined(current, "the store has a segment to write to");
}
