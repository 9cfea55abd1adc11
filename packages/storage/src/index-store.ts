/**
 * The derived index of the journal: an ordered map of small values. Never the only place of anything: losing all of
 * it, or any tail of what was written to it, costs reading the journal again.
 */
export interface IndexStore {
  get(key: Buffer): Buffer | undefined;
  /** Pairs with `from` <= key < `to`, ascending, at most `limit`. Does not see the pending batch. */
  range(from: Buffer, to: Buffer, limit: number): IndexPair[];
  /** Into the pending batch. Key and value may be used again by the caller at once. */
  put(key: Buffer, value: Buffer): void;
  delete(key: Buffer): void;
  /** Applies the pending batch, then this, at once. */
  deleteRange(from: Buffer, to: Buffer): void;
  /** Applies the pending batch, all or nothing, without sync: survives the process, not the machine. */
  commit(): void;
  close(): Promise<void>;
}

export interface IndexPair {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Opens (or makes) the index in `directory`. Rejects when what is there cannot be used; then `destroy` and try again. */
export interface IndexOpener {
  open(directory: string): Promise<IndexStore>;
  destroy(directory: string): Promise<void>;
}
