import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
} from "@aws-sdk/client-kinesis";

/** One record as the ledger knows it. */
interface Acknowledged {
  readonly shardId: string;
  readonly sequenceNumber: bigint;
}

export interface StoredRecord {
  readonly id: string;
  readonly sequenceNumber: bigint;
}

/**
 * Writes (writer, counter) pairs, remembers every acknowledgement, and at the end compares with what the shards hold.
 * Records whose put failed after all retries may be there or not, but not twice.
 */
export class Ledger {
  readonly acknowledged = new Map<string, Acknowledged>();
  readonly attempted = new Set<string>();
  /** Milliseconds between two acknowledged requests of one writer; the longest is the unavailability seen. */
  longestGapMs = 0;
  failedRequests = 0;
  readonly failures = new Map<string, number>();
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
      for (const id of ids) this.attempted.add(id);
      try {
        const response = await client.send(
          new PutRecordsCommand({
            StreamName: this.#stream,
            Records: ids.map((id) => ({ PartitionKey: id, Data: Buffer.from(id) })),
          }),
        );
        let all = true;
        for (const [index, entry] of (response.Records ?? []).entries()) {
          if (entry.SequenceNumber === undefined || entry.ShardId === undefined) {
            all = false;
            this.#failed(entry.ErrorCode ?? "no code");
            continue;
          }
          this.acknowledged.set(ids[index] as string, {
            shardId: entry.ShardId,
            sequenceNumber: BigInt(entry.SequenceNumber),
          });
        }
        const now = performance.now();
        if (all) {
          this.longestGapMs = Math.max(this.longestGapMs, now - lastAckAt);
          lastAckAt = now;
        }
      } catch (error) {
        this.failedRequests++;
        this.#failed((error as Error).name);
      }
    }
  }

  /** Reads every shard from its beginning and compares. Returns the violations; none is what we promise. */
  async verify(client: KinesisClient): Promise<string[]> {
    const violations: string[] = [];
    const seen = new Map<string, string>();
    for (const shardId of await shardIds(client, this.#stream)) {
      const records = await readShard(client, this.#stream, shardId);
      let previous = -1n;
      const lastCounter = new Map<string, number>();
      for (const { id, sequenceNumber } of records) {
        if (sequenceNumber <= previous) violations.push(`${shardId}: ${id} is out of order`);
        previous = sequenceNumber;
        if (seen.has(id)) violations.push(`${id} stands twice: ${seen.get(id)} and ${shardId}/${sequenceNumber}`);
        seen.set(id, `${shardId}/${sequenceNumber}`);
        if (!this.attempted.has(id)) violations.push(`${id} was never written`);
        const acknowledged = this.acknowledged.get(id);
        if (acknowledged === undefined) continue;
        if (acknowledged.shardId !== shardId || acknowledged.sequenceNumber !== sequenceNumber) {
          violations.push(`${id} was acknowledged as ${acknowledged.shardId}/${acknowledged.sequenceNumber}`);
        }
        const [writer, counter] = id.split(":") as [string, string];
        const before = lastCounter.get(writer);
        if (before !== undefined && before > Number(counter)) violations.push(`${id} stands after ${writer}:${before}`);
        lastCounter.set(writer, Number(counter));
      }
    }
    for (const id of this.acknowledged.keys()) if (!seen.has(id)) violations.push(`${id} was acknowledged and is lost`);
    return violations;
  }

  #failed(code: string): void {
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
  }
}

export async function shardIds(client: KinesisClient, stream: string): Promise<string[]> {
  const response = await client.send(new ListShardsCommand({ StreamName: stream }));
  return (response.Shards ?? []).map((shard) => shard.ShardId as string);
}

/** Everything in a shard now: from TRIM_HORIZON until the reader is at the tip. */
export async function readShard(client: KinesisClient, stream: string, shardId: string): Promise<StoredRecord[]> {
  const start = await client.send(
    new GetShardIteratorCommand({ StreamName: stream, ShardId: shardId, ShardIteratorType: "TRIM_HORIZON" }),
  );
  const records: StoredRecord[] = [];
  let iterator = start.ShardIterator;
  while (iterator !== undefined) {
    const page = await client.send(new GetRecordsCommand({ ShardIterator: iterator }));
    for (const record of page.Records ?? []) {
      records.push({
        id: Buffer.from(record.Data ?? []).toString(),
        sequenceNumber: BigInt(record.SequenceNumber as string),
      });
    }
    if (page.MillisBehindLatest === 0 && (page.Records ?? []).length === 0) break;
    iterator = page.NextShardIterator;
  }
  return records;
}
