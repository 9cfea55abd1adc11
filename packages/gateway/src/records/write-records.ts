import type { ShardView } from "@millrace/client";
import { formatSequenceNumber, type StoredRecord } from "@millrace/proto";
import type { ChildShard, Record as KinesisRecord } from "../model/generated/kinesis-types.ts";
import { ByteWriter } from "../protocol/byte-writer.ts";
import type { Encoding } from "../protocol/wire-value.ts";
import { serializeOutput } from "../protocol/write-output.ts";
import type { RecordsPage } from "./collect-records.ts";

export interface PageEnd {
  readonly nextShardIterator: string | undefined;
  readonly millisBehindLatest: number;
  /** Empty unless this is the end of a closed shard. */
  readonly childShards: readonly ChildShard[];
}

const JSON_BYTES_PER_RECORD = 200;

export function sequenceNumberOf({ shard }: ShardView, { offset, arrivalTimeMs }: StoredRecord): string {
  return formatSequenceNumber({
    shardCreatedAtS: shard.createdAtS,
    shardNumber: shard.number,
    index: BigInt(offset),
    timeS: Math.floor(arrivalTimeMs / 1_000),
  });
}

/** As the model has it. */
export function kinesisRecord(shard: ShardView, record: StoredRecord): KinesisRecord {
  return {
    SequenceNumber: sequenceNumberOf(shard, record),
    ApproximateArrivalTimestamp: record.arrivalTimeMs,
    Data: record.data,
    ...(record.partitionKey === undefined ? {} : { PartitionKey: record.partitionKey.toString() }),
    ...(record.encrypted ? { EncryptionType: "KMS" as const } : {}),
  };
}

/** GetRecords's answer. JSON goes straight into bytes; CBOR takes the general way. */
export function writeRecordsPage(encoding: Encoding, shard: ShardView, page: RecordsPage, end: PageEnd): Buffer {
  const { nextShardIterator, millisBehindLatest, childShards } = end;
  if (encoding === "cbor") {
    return serializeOutput("GetRecords", encoding, {
      Records: page.records.map((record) => kinesisRecord(shard, record)),
      ...(nextShardIterator === undefined ? {} : { NextShardIterator: nextShardIterator }),
      MillisBehindLatest: millisBehindLatest,
      ...(childShards.length === 0 ? {} : { ChildShards: childShards }),
    });
  }
  const sizeHint = Math.ceil((page.dataBytes * 4) / 3) + page.records.length * JSON_BYTES_PER_RECORD + 1_024;
  const writer = new ByteWriter(sizeHint);
  writer.ascii('{"Records":[');
  let separator = "";
  for (const record of page.records) {
    writer.ascii(`${separator}{"SequenceNumber":"${sequenceNumberOf(shard, record)}","ApproximateArrivalTimestamp":`);
    writer.ascii(`${(record.arrivalTimeMs / 1_000).toFixed(3)},"Data":"`);
    writer.base64(record.data);
    writer.ascii('"');
    if (record.partitionKey !== undefined) {
      writer.ascii(',"PartitionKey":');
      writePartitionKey(writer, record.partitionKey);
    }
    writer.ascii(record.encrypted ? ',"EncryptionType":"KMS"}' : "}");
    separator = ",";
  }
  writer.ascii("]");
  if (nextShardIterator !== undefined) writer.ascii(`,"NextShardIterator":"${nextShardIterator}"`);
  writer.ascii(`,"MillisBehindLatest":${millisBehindLatest}`);
  if (childShards.length > 0) writer.utf8(`,"ChildShards":${JSON.stringify(childShards)}`);
  writer.ascii("}");
  return writer.finish();
}

function writePartitionKey(writer: ByteWriter, key: Buffer): void {
  for (const byte of key) {
    // Quote, backslash, control characters and everything beyond ASCII take the careful way.
    if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c) {
      writer.utf8(JSON.stringify(key.toString()));
      return;
    }
  }
  writer.ascii('"');
  writer.bytes(key);
  writer.ascii('"');
}
