import { setTimeout as sleep } from "node:timers/promises";
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from "@aws-sdk/client-kinesis";

export interface StoredRecord {
  readonly id: string;
  readonly sequenceNumber: bigint;
}

/** Kinesis allows five reads a second and shard: room is left for others. */
const POLL_MS = 400;
const LIST_EVERY_MS = 5_000;

export async function shardIds(client: KinesisClient, stream: string): Promise<string[]> {
  const ids: string[] = [];
  let next: string | undefined;
  do {
    const page = await client.send(
      new ListShardsCommand(next === undefined ? { StreamName: stream } : { NextToken: next }),
    );
    ids.push(...(page.Shards ?? []).map((shard) => shard.ShardId as string));
    next = page.NextToken;
  } while (next !== undefined);
  return ids;
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
    records.push(...(page.Records ?? []).map(stored));
    if (page.MillisBehindLatest === 0 && (page.Records ?? []).length === 0) break;
    iterator = page.NextShardIterator;
  }
  return records;
}

const stored = ({ Data, SequenceNumber }: { Data: Uint8Array | undefined; SequenceNumber: string | undefined }) => ({
  id: Buffer.from(Data ?? []).toString(),
  sequenceNumber: BigInt(SequenceNumber as string),
});

export interface Following {
  /** The longest wait of any shard's reader for an answer. */
  longestGapMs: number;
  failedReads: number;
  /** Reads every shard to its tip, as it is at this call, and ends. @throws Error when that takes longer */
  finish(timeoutMs: number): Promise<void>;
}

/** Reads all shards of a stream from their beginning as they grow, new ones too, whatever fails meanwhile. */
export function follow(
  client: KinesisClient,
  stream: string,
  onRecord: (shardId: string, record: StoredRecord) => void,
): Following {
  const readers = new Map<string, Promise<void>>();
  const hurry = new AbortController();
  const giveUp = new AbortController();
  const listShards = async (): Promise<void> => {
    for (const id of await shardIds(client, stream)) if (!readers.has(id)) readers.set(id, readOn(id));
  };

  async function listing(): Promise<void> {
    while (!hurry.signal.aborted) {
      await listShards().catch(() => following.failedReads++);
      await pause(LIST_EVERY_MS, hurry.signal);
    }
  }

  async function readOn(shardId: string): Promise<void> {
    let last: bigint | undefined;
    let iterator: string | undefined;
    let answeredAt = performance.now();
    while (!giveUp.signal.aborted) {
      // Asked before the read: only an answer to a question put after the last write may end it.
      const isLastRound = hurry.signal.aborted;
      try {
        iterator ??= await iteratorAfter(client, stream, shardId, last);
        const page = await client.send(new GetRecordsCommand({ ShardIterator: iterator }));
        following.longestGapMs = Math.max(following.longestGapMs, performance.now() - answeredAt);
        answeredAt = performance.now();
        for (const record of page.Records ?? []) {
          const { id, sequenceNumber } = stored({ Data: record.Data, SequenceNumber: record.SequenceNumber });
          onRecord(shardId, { id, sequenceNumber });
          last = sequenceNumber;
        }
        if (page.NextShardIterator === undefined) return;
        iterator = page.NextShardIterator;
        if (isLastRound && page.MillisBehindLatest === 0 && (page.Records ?? []).length === 0) return;
      } catch {
        following.failedReads++;
        iterator = undefined;
      }
      await pause(POLL_MS, giveUp.signal);
    }
  }

  const lister = listing();
  const following: Following = {
    longestGapMs: 0,
    failedReads: 0,
    finish: async (timeoutMs) => {
      const timer = setTimeout(() => giveUp.abort(), timeoutMs);
      hurry.abort();
      await lister;
      while (!giveUp.signal.aborted) {
        const listed = await listShards().then(
          () => true,
          () => false,
        );
        if (listed) break;
        await pause(POLL_MS, giveUp.signal);
      }
      await Promise.all(readers.values());
      clearTimeout(timer);
      if (giveUp.signal.aborted) throw new Error(`the shards could not be read to their ends within ${timeoutMs} ms`);
    },
  };
  return following;
}

async function iteratorAfter(
  client: KinesisClient,
  stream: string,
  shardId: string,
  last: bigint | undefined,
): Promise<string> {
  const from =
    last === undefined
      ? ({ ShardIteratorType: "TRIM_HORIZON" } as const)
      : ({ ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: String(last) } as const);
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ StreamName: stream, ShardId: shardId, ...from }),
  );
  return ShardIterator as string;
}

/** Ends early, and without an error, when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
