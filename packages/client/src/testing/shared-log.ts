import { encodeAppendResult, encodeReadResultPrefix, readBatchHeader, readBatchId, stampBatch } from "@millrace/proto";

/** The log that all replicas of a group share here: replication is not what these tests are about. */
export class SharedLog {
  readonly batches: Buffer[] = [];
  readonly #results = new Map<string, { baseOffset: number; arrivalTimeMs: number; recordCount: number }>();
  readonly #listeners = new Set<() => void>();
  readonly #nowMs: () => number;
  startOffset = 1;
  endOffset = 1;
  closed = false;

  constructor(nowMs: () => number = () => Date.now()) {
    this.#nowMs = nowMs;
  }

  append(batch: Buffer): Buffer {
    const id = readBatchId(batch);
    let result = this.#results.get(id);
    if (result === undefined) {
      const { recordCount } = readBatchHeader(batch);
      const stored = Buffer.from(batch);
      result = { baseOffset: this.endOffset, arrivalTimeMs: this.#nowMs(), recordCount };
      stampBatch(stored, 0, result.baseOffset, result.arrivalTimeMs, 1);
      this.batches.push(stored);
      this.endOffset += recordCount;
      this.#results.set(id, result);
      this.#changed();
    }
    return encodeAppendResult(result);
  }

  has(batch: Buffer): boolean {
    return this.#results.has(readBatchId(batch));
  }

  close(): void {
    this.closed = true;
    this.#changed();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  position() {
    const last = this.batches.at(-1);
    const lastArrivalTimeMs = last === undefined ? 0 : readBatchHeader(last).arrivalTimeMs;
    return { startOffset: this.startOffset, endOffset: this.endOffset, lastArrivalTimeMs, closed: this.closed };
  }

  /** At least one batch if there is one. */
  page(fromOffset: number, bytesMax: number): { body: Buffer; nextOffset: number } {
    const pieces: Buffer[] = [encodeReadResultPrefix(this.position())];
    let sizeBytes = 0;
    let nextOffset = fromOffset;
    for (const batch of this.batches) {
      const { baseOffset, recordCount } = readBatchHeader(batch);
      if (baseOffset + recordCount <= Math.max(fromOffset, this.startOffset)) continue;
      if (sizeBytes > 0 && sizeBytes + batch.length > bytesMax) break;
      pieces.push(batch);
      sizeBytes += batch.length;
      nextOffset = baseOffset + recordCount;
    }
    return { body: Buffer.concat(pieces), nextOffset };
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
