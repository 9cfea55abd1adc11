import { hash } from "node:crypto";
import { HASH_KEY_MAX, parseHashKey } from "@millrace/proto";
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
  const bytes = explicitHashKey === undefined ? hash("md5", key, "buffer") : Buffer.from(explicitHashKey);
  return view.shardForHash(bytes.readUInt32BE(0), bytes.readUInt32BE(4), bytes.readUInt32BE(8), bytes.readUInt32BE(12));
}

function hashKeyBytes(hashKey: string | bigint): Buffer {
  const value = parseHashKey(hashKey.toString());
  if (value === undefined) throw new InvalidRecord(`${hashKey} is no hash key`);
  return Buffer.from(value.toString(16).padStart(32, "0"), "hex");
}
