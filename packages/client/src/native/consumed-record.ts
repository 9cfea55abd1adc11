import { formatSequenceNumber, type StoredRecord } from "@millrace/proto";
import type { ShardView } from "../stream-view.ts";

/** One record. Texts are made when they are asked for; `data` is a view that lives as long as the record does. */
export class ConsumedRecord {
  readonly #shard: ShardView;
  readonly #stored: StoredRecord;

  constructor(shard: ShardView, stored: StoredRecord) {
    this.#shard = shard;
    this.#stored = stored;
  }

  get shardId(): string {
    return this.#shard.shardId;
  }

  get sequenceNumber(): string {
    return sequenceNumberAt(this.#shard, this.#stored.offset, this.#stored.arrivalTimeMs);
  }

  /** Counts up by one from record to record within a shard. */
  get offset(): number {
    return this.#stored.offset;
  }

  /** Empty where the record has none. */
  get partitionKey(): string {
    return this.#stored.partitionKey?.toString() ?? "";
  }

  /** Epoch milliseconds, as the shard's leader had it. */
  get arrivalTimeMs(): number {
    return this.#stored.arrivalTimeMs;
  }

  get data(): Buffer {
    return this.#stored.data;
  }
}

export function sequenceNumberAt({ shard }: ShardView, offset: number, arrivalTimeMs: number): string {
  return formatSequenceNumber({
    shardCreatedAtS: shard.createdAtS,
    shardNumber: shard.number,
    index: BigInt(offset),
    timeS: Math.floor(arrivalTimeMs / 1_000),
  });
}
