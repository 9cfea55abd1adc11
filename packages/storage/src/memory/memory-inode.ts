import type { Random } from "@millrace/util";

type Change =
  | { readonly kind: "write"; readonly positionBytes: number; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly sizeBytes: number };

/** A file's contents twice: as the page cache has them, and as the device does. */
export class MemoryInode {
  readonly #cached = new Contents();
  readonly #device = new Contents();
  /** Not synced, in order. */
  #changes: Change[] = [];

  get sizeBytes(): number {
    return this.#cached.sizeBytes;
  }

  get bytes(): Buffer {
    return this.#cached.bytes;
  }

  get unsyncedBytes(): number {
    let sum = 0;
    for (const change of this.#changes) sum += change.kind === "write" ? change.bytes.length : 0;
    return sum;
  }

  read(target: Buffer, positionBytes: number): number {
    return positionBytes >= this.sizeBytes ? 0 : this.bytes.copy(target, 0, positionBytes);
  }

  write(chunks: readonly Uint8Array[], positionBytes: number): void {
    const bytes = Buffer.concat(chunks);
    this.#change({ kind: "write", positionBytes, bytes });
  }

  truncate(sizeBytes: number): void {
    this.#change({ kind: "truncate", sizeBytes });
  }

  sync(): void {
    for (const change of this.#changes) this.#device.apply(change);
    this.#changes = [];
  }

  /** The pages are marked clean all the same: no later sync writes them. */
  failSync(): void {
    this.#changes = [];
  }

  flipBit(offsetBytes: number, bit: number): void {
    this.#device.flipBit(offsetBytes, bit);
    this.#cached.flipBit(offsetBytes, bit);
  }

  crash(unsynced: "lost" | "kept" | "torn", sectorSizeBytes: number, random: Random): void {
    if (unsynced === "kept") this.sync();
    if (unsynced === "torn") {
      for (const change of this.#changes) {
        if (change.kind === "truncate") {
          if (random.between(0, 1) === 1) this.#device.apply(change);
        } else {
          this.#tear(change.positionBytes, change.bytes, sectorSizeBytes, random);
        }
      }
    }
    this.#changes = [];
    this.#cached.copyFrom(this.#device);
  }

  /** Each sector arrives or does not, in no order: often all up to some place, sometimes any. */
  #tear(positionBytes: number, bytes: Buffer, sectorSizeBytes: number, random: Random): void {
    const ordered = random.between(0, 2) > 0;
    const cut = random.between(0, bytes.length);
    let start = 0;
    while (start < bytes.length) {
      const end = Math.min(bytes.length, start + sectorSizeBytes - ((positionBytes + start) % sectorSizeBytes));
      const arrives = ordered ? end <= cut : random.between(0, 1) === 1;
      if (arrives) {
        this.#device.apply({ kind: "write", positionBytes: positionBytes + start, bytes: bytes.subarray(start, end) });
      }
      start = end;
    }
  }

  #change(change: Change): void {
    this.#cached.apply(change);
    this.#changes.push(change);
  }
}

class Contents {
  #storage = Buffer.alloc(0);
  sizeBytes = 0;

  get bytes(): Buffer {
    return this.#storage.subarray(0, this.sizeBytes);
  }

  apply(change: Change): void {
    if (change.kind === "truncate") {
      this.#reserve(change.sizeBytes);
      this.#storage.fill(0, Math.min(this.sizeBytes, change.sizeBytes));
      this.sizeBytes = change.sizeBytes;
      return;
    }
    const endBytes = change.positionBytes + change.bytes.length;
    this.#reserve(endBytes);
    change.bytes.copy(this.#storage, change.positionBytes);
    this.sizeBytes = Math.max(this.sizeBytes, endBytes);
  }

  flipBit(offsetBytes: number, bit: number): void {
    if (offsetBytes < this.sizeBytes) this.#storage[offsetBytes] = (this.#storage[offsetBytes] ?? 0) ^ (1 << bit);
  }

  copyFrom(other: Contents): void {
    this.#storage = Buffer.from(other.bytes);
    this.sizeBytes = other.sizeBytes;
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes <= this.#storage.length) return;
    const grown = Buffer.alloc(Math.max(sizeBytes, this.#storage.length * 2, 4_096));
    this.#storage.copy(grown);
    this.#storage = grown;
  }
}
