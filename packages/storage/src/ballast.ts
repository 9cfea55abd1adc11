import { join } from "node:path";
import { MIB, type World } from "@millrace/util";

const FILE = "ballast";
const CHUNK_SIZE_BYTES = MIB;

/**
 * A file that holds nothing but room. A disk that others have filled to the last byte would not even let the store open, which
 * has to begin a segment; so the ballast is thrown out first, and taken in again when there is room enough.
 */
export class Ballast {
  readonly #world: Pick<World, "disk" | "failpoint">;
  readonly #directory: string;
  readonly #sizeBytes: number;
  #isThere = false;
  #isWorking = false;

  /** @param sizeBytes 0: there is none */
  constructor(world: Pick<World, "disk" | "failpoint">, directory: string, sizeBytes: number) {
    this.#world = world;
    this.#directory = directory;
    this.#sizeBytes = sizeBytes;
  }

  /** Before anything else is opened. Resolves to whether the disk was found full. */
  async prepare(): Promise<boolean> {
    if (this.#sizeBytes === 0) return false;
    const { disk } = this.#world;
    const names = await disk.list(this.#directory);
    this.#isThere = names.includes(FILE);
    const isFull = (await disk.freeBytes(this.#directory)) < this.#sizeBytes;
    if (!isFull || !this.#isThere) return isFull;
    await disk.remove(join(this.#directory, FILE));
    this.#isThere = false;
    return true;
  }

  /** Whenever it is known how much is free: takes the ballast in again when it leaves enough. @throws what the disk does */
  async restore(freeBytes: number, reservedBytes: number): Promise<void> {
    const isWanted = this.#sizeBytes > 0 && !this.#isThere && freeBytes > reservedBytes + 2 * this.#sizeBytes;
    if (!isWanted || this.#isWorking) return;
    this.#isWorking = true;
    const path = join(this.#directory, FILE);
    const { disk, failpoint } = this.#world;
    failpoint?.("ballast.before-fill");
    const file = await disk.open(path, { create: true });
    try {
      const chunk = Buffer.alloc(Math.min(CHUNK_SIZE_BYTES, this.#sizeBytes));
      for (let at = 0; at < this.#sizeBytes; at += chunk.length) {
        await file.write([chunk.subarray(0, this.#sizeBytes - at)], at);
      }
      this.#isThere = true;
      failpoint?.("ballast.after-fill");
    } finally {
      this.#isWorking = false;
      await file.close();
    }
  }
}
