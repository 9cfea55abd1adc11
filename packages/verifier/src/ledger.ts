import { type KinesisClient, PutRecordsCommand } from "@aws-sdk/client-kinesis";
import { Check } from "./check.ts";
import { readShard, shardIds } from "./read.ts";

/** Where an acknowledged record stands. */
export interface Position {
  readonly shardId: string;
  readonly sequenceNumber: bigint;
}

/**
 * Writes (writer, counter) pairs and remembers every acknowledgement, for a {@link Check} to compare with what the shards hold.
 * Records whose put failed after all retries may be there or not, but not twice.
 */
export class Ledger {
  /** Acknowledged and, where a check settles while writers write, not read yet. */
  readonly acknowledged = new Map<string, Position>();
  /** By writer: how many of its counters, from 0 on, have been sent. */
  readonly attempted = new Map<string, number>();
  acknowledgedCount = 0;
  /** Milliseconds between two acknowledged requests of one writer; the longest is the unavailability seen. */
  longestGapMs = 0;
  failedRequests = 0;
  readonly failures = new Map<string, number>();
  /** Told of each acknowledgement as it comes, and of records whose outcome nobody will learn any more. */
  onAcknowledged: (id: string, position: Position) => void = () => {};
  onUnknown: (id: string) => void = () => {};
  /** Told of each wait of a writer between two acknowledgements. */
  onGap: (gapMs: number) => void = () => {};
  readonly #stream: string;

  constructor(stream: string) {
    this.#stream = stream;
  }

  /**
   * Writes until `signal` aborts: one request after another, so that a writer's counters have an order. `pauseMs` lies
   * between two of them, 0 for none.
   */
  async write(
    client: KinesisClient,
    writer: string,
    recordsPerPut: number,
    signal: AbortSignal,
    pauseMs = 0,
  ): Promise<void> {
    let counter = 0;
    let lastAckAt = performance.now();
    while (!signal.aborted) {
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const ids = Array.from({ length: recordsPerPut }, () => `${writer}:${counter++}`);
      this.attempted.set(writer, counter);
      if (await this.#put(client, ids)) {
        const now = performance.now();
        this.longestGapMs = Math.max(this.longestGapMs, now - lastAckAt);
        this.onGap(now - lastAckAt);
        lastAckAt = now;
      }
    }
  }

  /** @returns whether all of them were acknowledged */
  async #put(client: KinesisClient, ids: readonly string[]): Promise<boolean> {
    const acknowledged = new Set<string>();
    try {
      const response = await client.send(
        new PutRecordsCommand({
          StreamName: this.#stream,
          Records: ids.map((id) => ({ PartitionKey: id, Data: Buffer.from(id) })),
        }),
      );
      for (const [index, entry] of (response.Records ?? []).entries()) {
        if (entry.SequenceNumber === undefined || entry.ShardId === undefined) {
          this.#failed(entry.ErrorCode ?? "no code");
          continue;
        }
        const id = ids[index] as string;
        const position = { shardId: entry.ShardId, sequenceNumber: BigInt(entry.SequenceNumber) };
        acknowledged.add(id);
        this.acknowledgedCount++;
        this.acknowledged.set(id, position);
        this.onAcknowledged(id, position);
      }
    } catch (error) {
      this.failedRequests++;
      this.#failed((error as Error).name);
    }
    for (const id of ids) if (!acknowledged.has(id)) this.onUnknown(id);
    return acknowledged.size === ids.length;
  }

  /** Reads every shard from its beginning and compares. Returns the violations; none is what we promise. */
  async verify(client: KinesisClient): Promise<readonly string[]> {
    const check = new Check(this);
    for (const shardId of await shardIds(client, this.#stream)) {
      for (const record of await readShard(client, this.#stream, shardId)) check.read(shardId, record);
    }
    check.finish();
    return check.violations;
  }

  #failed(code: string): void {
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
  }
}
