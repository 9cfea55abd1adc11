import { formatShardId, type Shard, type Stream, type StreamKey } from "@millrace/proto";

/** One shard of one version of its stream. Never changes. */
export interface ShardView {
  readonly shard: Shard;
  readonly stream: StreamView;
  /** `shardId-000000000000` */
  readonly shardId: string;
  readonly groupId: number;
  /** Both inclusive. */
  readonly startingHashKey: bigint;
  readonly endingHashKey: bigint;
  readonly open: boolean;
}

const WORD_MASK = 0xffff_ffffn;
const WORDS_PER_HASH = 4;

/**
 * One version of one stream, ready for routing. Never changes: an update makes a new one, so whoever holds it may go on
 * using it across awaits.
 */
export class StreamView {
  readonly stream: Stream;
  readonly key: StreamKey;
  /** By shard number, closed ones included. */
  readonly shards: readonly ShardView[];
  /** By starting hash key. */
  readonly openShards: readonly ShardView[];
  /** Hash key ranges of `openShards`, both ends inclusive: four 32-bit words a key, the most significant first. */
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;

  constructor(stream: Stream) {
    this.stream = stream;
    this.key = stream.key ?? { accountId: "", region: "", name: "" };
    this.shards = stream.shards
      .map((shard): ShardView => ({
        shard,
        stream: this,
        shardId: formatShardId(shard.number),
        groupId: shard.groupId,
        startingHashKey: BigInt(shard.startingHashKey),
        endingHashKey: BigInt(shard.endingHashKey),
        open: shard.closedAtS === 0,
      }))
      .sort((a, b) => a.shard.number - b.shard.number);
    this.openShards = this.shards
      .filter((shard) => shard.open)
      .sort((a, b) => (a.startingHashKey < b.startingHashKey ? -1 : a.startingHashKey > b.startingHashKey ? 1 : 0));
    this.#starts = splitIntoWords(this.openShards.map((shard) => shard.startingHashKey));
    this.#ends = splitIntoWords(this.openShards.map((shard) => shard.endingHashKey));
  }

  /** By number, closed shards included. */
  shardByNumber(number: number): ShardView | undefined {
    const guess = this.shards[number];
    if (guess?.shard.number === number) return guess;
    return this.shards.find((shard) => shard.shard.number === number);
  }

  /**
   * The open shard that owns a hash key, given as four unsigned 32-bit words, the most significant first: an MD5 digest
   * read big-endian. Undefined while the stream has no open shard there.
   */
  shardForHash(h0: number, h1: number, h2: number, h3: number): ShardView | undefined {
    const index = this.#lastStartAtMost(h0, h1, h2, h3);
    if (index < 0 || compareAt(this.#ends, index, h0, h1, h2, h3) < 0) return undefined;
    return this.openShards[index];
  }

  /** The same for a hash key as an integer, 0 to 2^128 - 1. */
  shardForHashKey(hashKey: bigint): ShardView | undefined {
    return this.shardForHash(wordOf(hashKey, 0), wordOf(hashKey, 1), wordOf(hashKey, 2), wordOf(hashKey, 3));
  }

  /** Position in `openShards`, -1 when all start above. */
  #lastStartAtMost(h0: number, h1: number, h2: number, h3: number): number {
    let low = 0;
    let high = this.openShards.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareAt(this.#starts, middle, h0, h1, h2, h3) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function splitIntoWords(hashKeys: readonly bigint[]): Uint32Array {
  const words = new Uint32Array(hashKeys.length * WORDS_PER_HASH);
  hashKeys.forEach((hashKey, index) => {
    for (let word = 0; word < WORDS_PER_HASH; word++) words[index * WORDS_PER_HASH + word] = wordOf(hashKey, word);
  });
  return words;
}

function wordOf(hashKey: bigint, word: number): number {
  return Number((hashKey >> BigInt(32 * (WORDS_PER_HASH - 1 - word))) & WORD_MASK);
}

/** Negative: the hash key at `index` is below the one given. */
function compareAt(words: Uint32Array, index: number, h0: number, h1: number, h2: number, h3: number): number {
  const at = index * WORDS_PER_HASH;
  return (
    (words[at] as number) - h0 ||
    (words[at + 1] as number) - h1 ||
    (words[at + 2] as number) - h2 ||
    (words[at + 3] as number) - h3
  );
}
