import { numberOf } from "../checks/ledger.ts";
import type { SeededRandom } from "../world/random.ts";
import { SdkError, type SimulatedSdk } from "./sdk.ts";

export interface ReadRecord {
  readonly sequenceNumber: string;
  readonly number: number | undefined;
  readonly partitionKey: string;
  readonly arrivalMs: number;
}

export type IteratorType = "TRIM_HORIZON" | "LATEST" | "AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER" | "AT_TIMESTAMP";

/** What one reader saw of one shard from one start on, in order. */
export interface Observation {
  readonly reader: string;
  readonly stream: string;
  readonly shardId: string;
  readonly type: IteratorType;
  /** Where it was told to start. */
  readonly sequenceNumber: string | undefined;
  readonly timestampMs: number | undefined;
  /** When the start was asked for, and when it was known. */
  readonly askedAtUs: number;
  knownAtUs: number;
  readonly records: ReadRecord[];
  /** It saw the end of a closed shard. */
  isAtEnd: boolean;
  /** When everything acknowledged before this moment had been seen: the last answer that was up to date. */
  upToDateAtUs: number;
}

export interface Shard {
  readonly ShardId: string;
  readonly ParentShardId?: string;
  readonly AdjacentParentShardId?: string;
  readonly SequenceNumberRange: { readonly StartingSequenceNumber: string; readonly EndingSequenceNumber?: string };
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
}

interface GetRecordsOutput {
  readonly Records: readonly {
    Data: string;
    PartitionKey: string;
    SequenceNumber: string;
    ApproximateArrivalTimestamp: number;
  }[];
  readonly NextShardIterator?: string | null;
  readonly MillisBehindLatest: number;
}

export async function listShards(sdk: SimulatedSdk, stream: string): Promise<Shard[]> {
  const shards: Shard[] = [];
  let NextToken: string | undefined;
  do {
    const input = NextToken === undefined ? { StreamName: stream } : { NextToken };
    const page = await sdk.call<{ Shards: Shard[]; NextToken?: string }>("ListShards", input);
    shards.push(...page.Shards);
    ({ NextToken } = page);
  } while (NextToken !== undefined);
  return shards;
}

export interface ReaderOptions {
  readonly name: string;
  readonly sdk: SimulatedSdk;
  readonly random: SeededRandom;
  readonly streams: readonly string[];
  readonly nowUs: () => number;
  readonly nowMs: () => number;
}

const POLL_MIN_MS = 20;
const POLL_MAX_MS = 1_000;
const LIMIT_MAX = 500;
const TYPES: readonly IteratorType[] = [
  "TRIM_HORIZON",
  "TRIM_HORIZON",
  "LATEST",
  "AT_SEQUENCE_NUMBER",
  "AFTER_SEQUENCE_NUMBER",
  "AT_TIMESTAMP",
];

/** Reads shards from all kinds of starts, for a while each. */
export class Reader {
  readonly #options: ReaderOptions;
  readonly observations: Observation[] = [];
  isStopped = false;
  readonly ended: Promise<void>;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.ended = this.#run();
  }

  async #run(): Promise<void> {
    const { sdk, random, streams } = this.#options;
    while (!this.isStopped) {
      try {
        const stream = random.pick(streams);
        const shards = await listShards(sdk, stream);
        if (shards.length > 0) await this.#read(stream, random.pick(shards).ShardId);
      } catch (error) {
        if (!(error instanceof SdkError)) throw error;
      }
      await sdk.rest(random.between(POLL_MIN_MS, POLL_MAX_MS));
    }
  }

  async #read(stream: string, shardId: string): Promise<void> {
    const { sdk, random, nowUs } = this.#options;
    const observation = this.#start(stream, shardId);
    this.observations.push(observation);
    const { type, sequenceNumber, timestampMs } = observation;
    const { ShardIterator } = await sdk.call<{ ShardIterator: string }>("GetShardIterator", {
      StreamName: stream,
      ShardId: shardId,
      ShardIteratorType: type,
      ...(sequenceNumber === undefined ? {} : { StartingSequenceNumber: sequenceNumber }),
      ...(timestampMs === undefined ? {} : { Timestamp: timestampMs / 1_000 }),
    });
    observation.knownAtUs = nowUs();
    let iterator: string | null | undefined = ShardIterator;
    const polls = random.magnitude(2, 100);
    for (let poll = 0; poll < polls && !this.isStopped; poll++) {
      const askedAtUs = nowUs();
      const limit = random.between(1, LIMIT_MAX);
      const page: GetRecordsOutput = await sdk.call("GetRecords", { ShardIterator: iterator, Limit: limit });
      observation.records.push(...page.Records.map(readRecordOf));
      if (page.MillisBehindLatest === 0) observation.upToDateAtUs = askedAtUs;
      iterator = page.NextShardIterator;
      if (iterator === undefined || iterator === null) {
        observation.isAtEnd = true;
        return;
      }
      await sdk.rest(random.between(POLL_MIN_MS, POLL_MAX_MS));
    }
  }

  #start(stream: string, shardId: string): Observation {
    const { random, name, nowUs, nowMs } = this.#options;
    let type = random.pick(TYPES);
    const seen = this.observations.filter((each) => each.shardId === shardId && each.stream === stream);
    const records = seen.flatMap((each) => each.records);
    const isBySequence = type === "AT_SEQUENCE_NUMBER" || type === "AFTER_SEQUENCE_NUMBER";
    if (isBySequence && records.length === 0) type = "TRIM_HORIZON";
    return {
      reader: name,
      stream,
      shardId,
      type,
      sequenceNumber: isBySequence && records.length > 0 ? random.pick(records).sequenceNumber : undefined,
      timestampMs: type === "AT_TIMESTAMP" ? nowMs() - random.between(0, 60_000) : undefined,
      askedAtUs: nowUs(),
      knownAtUs: Number.MAX_SAFE_INTEGER,
      records: [],
      isAtEnd: false,
      upToDateAtUs: 0,
    };
  }
}

function readRecordOf(record: GetRecordsOutput["Records"][number]): ReadRecord {
  return {
    sequenceNumber: record.SequenceNumber,
    number: numberOf(Buffer.from(record.Data, "base64")),
    partitionKey: record.PartitionKey,
    arrivalMs: record.ApproximateArrivalTimestamp * 1_000,
  };
}

/** A shard from its beginning to its end, or to where nothing more is there. */
export async function scanShard(
  sdk: SimulatedSdk,
  stream: string,
  shardId: string,
): Promise<{ readonly records: readonly ReadRecord[]; readonly isAtEnd: boolean }> {
  const records: ReadRecord[] = [];
  const { ShardIterator } = await sdk.call<{ ShardIterator: string }>("GetShardIterator", {
    StreamName: stream,
    ShardId: shardId,
    ShardIteratorType: "TRIM_HORIZON",
  });
  let iterator: string | null | undefined = ShardIterator;
  while (iterator !== undefined && iterator !== null) {
    const page: GetRecordsOutput = await sdk.call("GetRecords", { ShardIterator: iterator });
    records.push(...page.Records.map(readRecordOf));
    iterator = page.NextShardIterator;
    if (page.Records.length === 0 && page.MillisBehindLatest === 0 && iterator !== undefined && iterator !== null) {
      return { records, isAtEnd: false };
    }
  }
  return { records, isAtEnd: true };
}
