import { type ReadResult, readBatchHeader, recordsOf, type StoredRecord, verifyBatch } from "@millrace/proto";

/** Records of one page, in order, and where the next one begins. */
export interface RecordsPage {
  readonly records: readonly StoredRecord[];
  readonly nextOffset: number;
  /** Of the last record; undefined for a page without any. */
  readonly lastArrivalTimeMs: number | undefined;
  readonly dataBytes: number;
}

export interface PageLimits {
  readonly recordsMax: number;
  /** Data and partition keys. */
  readonly bytesMax: number;
}

/** Checks each batch's CRC and takes what the page may hold, at least one record. @throws MalformedBatch */
export function collectRecords(
  { batches, startOffset }: Pick<ReadResult, "batches" | "startOffset">,
  fromOffset: number,
  { recordsMax, bytesMax }: PageLimits,
): RecordsPage {
  const records: StoredRecord[] = [];
  let nextOffset = Math.max(fromOffset, startOffset);
  let bytes = 0;
  let dataBytes = 0;
  for (let at = 0; at < batches.length;) {
    const header = readBatchHeader(batches, at);
    verifyBatch(batches, at, header);
    for (const record of recordsOf(batches, at, header)) {
      if (record.offset < nextOffset) continue;
      const sizeBytes = record.data.length + (record.partitionKey?.length ?? 0);
      if (records.length > 0 && (records.length >= recordsMax || bytes + sizeBytes > bytesMax)) {
        return { records, nextOffset, lastArrivalTimeMs: records.at(-1)?.arrivalTimeMs, dataBytes };
      }
      records.push(record);
      bytes += sizeBytes;
      dataBytes += record.data.length;
      nextOffset = record.offset + 1;
    }
    at += header.sizeBytes;
  }
  return { records, nextOffset, lastArrivalTimeMs: records.at(-1)?.arrivalTimeMs, dataBytes };
}
