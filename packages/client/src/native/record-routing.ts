import { HASH_KEY_MAX, md5Words, parseHashKey } from "@millrace/proto";
import { KIB } from "@millrace/util";
import type { ShardView, StreamView } from "../stream-view.ts";
import { InvalidRecord } from "./errors.ts";

export interface PutRecord {
  /** 1 to 256 characters. Records of one key keep their order. */
  readonly partitionKey: string;
  readonly data: Uint8Array;
  /** 0 to 2^128 - 1, decimal: routes the record in the place of the partition key's MD5. */
  readonly explicitHashKey?: string | bigint;
}

/** A record that is ready for a batch. */
export interface RoutableRecord {
  readonly key: Uint8Array;
  readonly data: Uint8Array;
  /** 16 bytes, big-endian. */
  readonly explicitHashKey: Uint8Array | undefined;
}

const PARTITION_KEY_CHARS_MAX = 256;
/** Of one look-up at a time: four words, the most significant first. */
const words = new Uint32Array(4);

/** @throws InvalidRecord */
export function routableRecord(record: PutRecord, { stream }: StreamView): RoutableRecord {
  const { partitionKey, data, explicitHashKey } = record;
  if (partitionKey.length === 0 || partitionKey.length > PARTITION_KEY_CHARS_MAX) {
    throw new InvalidRecord(`a partition key has 1 to ${PARTITION_KEY_CHARS_MAX} characters`);
  }
  const key = Buffer.from(partitionKey);
  const sizeBytes = key.length + data.length;
  const limitBytes = stream.maxRecordSizeKib * KIB;
  if (sizeBytes > limitBytes) throw new InvalidRecord(`a record of ${sizeBytes} bytes: the limit is ${limitBytes}`);
  return { key, data, explicitHashKey: explicitHashKey === undefined ? undefined : hashKeyBytes(explicitHashKey) };
}

/** Undefined while no open shard owns the record's key. */
export function shardFor(
  view: StreamView,
  { key, explicitHashKey }: Omit<RoutableRecord, "data">,
): ShardView | undefined {
  const only = view.openShards.length === 1 ? view.openShards[0] : undefined;
  if (only !== undefined && only.startingHashKey === 0n && only.endingHashKey === HASH_KEY_MAX) return only;
  if (explicitHashKey === undefined) md5Words(key, 0, key.length, words);
  else {
    const bytes = Buffer.from(explicitHashKey.buffer, explicitHashKey.byteOffset, explicitHashKey.length);
    for (let word = 0; word < words.length; word++) words[word] = bytes.readUInt32BE(4 * word);
  }
  return view.shardForHash(words[0] as number, words[1] as number, words[2] as number, words[3] as number);
}

function hashKeyBytes(hashKey: string | bigint): Buffer {
  const value = parseHashKey(hashKey.toString());
  if (value === undefined) throw new InvalidRecord(`${hashKey} is no hash key`);
  return Buffer.from(value.toString(16).padStart(32, "0"), "hex");
}
