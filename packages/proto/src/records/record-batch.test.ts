import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BATCH_FLAG_ENCRYPTED,
  BATCH_HEADER_SIZE_BYTES,
  EXPLICIT_HASH_KEY_SIZE_BYTES,
  MalformedBatch,
  readBatchHeader,
  readBatchId,
  RECORD_FLAG_EXPLICIT_HASH_KEY,
  RECORD_FLAG_NO_PARTITION_KEY,
  recordSizeBytes,
  recordsOf,
  sealBatch,
  stampBatch,
  verifyBatch,
} from "./record-batch.ts";

interface Input {
  readonly partitionKey: Uint8Array | undefined;
  readonly explicitHashKey: Uint8Array | undefined;
  readonly data: Uint8Array;
}

const BATCH_ID = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");

const inputs: fc.Arbitrary<Input[]> = fc.array(
  fc.record({
    partitionKey: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
    explicitHashKey: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: undefined }),
    data: fc.uint8Array({ maxLength: 100 }),
  }),
  { maxLength: 8 },
);

function batchOf(records: readonly Input[], flags = 0): Buffer {
  const pieces: Uint8Array[] = [Buffer.alloc(BATCH_HEADER_SIZE_BYTES)];
  let userBytes = 0;
  for (const { partitionKey, explicitHashKey, data } of records) {
    const header = Buffer.alloc(7);
    header.writeUInt32LE(data.length, 0);
    header.writeUInt16LE(partitionKey?.length ?? 0, 4);
    header[6] =
      (explicitHashKey === undefined ? 0 : RECORD_FLAG_EXPLICIT_HASH_KEY) |
      (partitionKey === undefined ? RECORD_FLAG_NO_PARTITION_KEY : 0);
    pieces.push(header, explicitHashKey ?? Buffer.alloc(0), partitionKey ?? Buffer.alloc(0), data);
    userBytes += (partitionKey?.length ?? 0) + data.length;
  }
  const batch = Buffer.concat(pieces);
  sealBatch(batch, { flags, recordCount: records.length, userBytes, batchId: BATCH_ID });
  return batch;
}

describe("a record batch", () => {
  test("has these bytes", () => {
    const batch = batchOf([
      { partitionKey: Buffer.from("key"), explicitHashKey: undefined, data: Buffer.from("data") },
      { partitionKey: undefined, explicitHashKey: Buffer.alloc(16, 0xee), data: Buffer.alloc(0) },
    ]);
    stampBatch(batch, 0, 0x1_0000_0002, 1_700_000_000_000, 9);
    expect(batch.toString("hex").match(/.{1,32}/g)).toEqual([
      "01000000650000000200000001000000",
      "0068e5cf8b0100000900000000000000",
      "77101162020000000700000000010203",
      "0405060708090a0b0c0d0e0f00000000",
      "040000000300006b6579646174610000",
      "0000000003eeeeeeeeeeeeeeeeeeeeee",
      "eeeeeeeeee",
    ]);
  });

  test("gives its records back, at any place in a buffer, with what the leader stamped", () => {
    fc.assert(
      fc.property(inputs, fc.nat(50), fc.maxSafeNat(), fc.maxSafeNat(), (records, at, offset, timeMs) => {
        fc.pre(offset < Number.MAX_SAFE_INTEGER - 100);
        const batch = batchOf(records, BATCH_FLAG_ENCRYPTED);
        const buffer = Buffer.concat([Buffer.alloc(at, 0xaa), batch, Buffer.alloc(9, 0xbb)]);
        stampBatch(buffer, at, offset, timeMs, 5);
        const header = readBatchHeader(buffer, at);
        expect(header).toMatchObject({
          baseOffset: offset,
          arrivalTimeMs: timeMs,
          term: 5,
          recordCount: records.length,
        });
        expect(header.sizeBytes).toBe(batch.length);
        expect(readBatchId(buffer, at)).toBe(BATCH_ID.toString("hex"));
        verifyBatch(buffer, at, header);
        const read = [...recordsOf(buffer, at, header)];
        expect(read.length).toBe(records.length);
        read.forEach((record, index) => {
          const input = records[index] as Input;
          expect(record.offset).toBe(offset + index);
          expect(record.encrypted).toBe(true);
          expect(record.data).toEqual(Buffer.from(input.data));
          expect(record.partitionKey).toEqual(input.partitionKey && Buffer.from(input.partitionKey));
          expect(record.explicitHashKey).toEqual(input.explicitHashKey && Buffer.from(input.explicitHashKey));
        });
      }),
    );
  });

  test("with any bit turned after the CRC is found out", () => {
    fc.assert(
      fc.property(inputs, fc.nat(), fc.nat(7), (records, position, bit) => {
        const batch = batchOf(records);
        const header = readBatchHeader(batch);
        const at = 32 + (position % (batch.length - 32));
        batch[at] = (batch[at] as number) ^ (1 << bit);
        expect(() => verifyBatch(batch, 0, header)).toThrow(MalformedBatch);
      }),
    );
  });

  test("of garbage is malformed or has no valid CRC, and never reads past its end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, plausible) => {
        const buffer = Buffer.from(bytes);
        if (plausible && buffer.length >= 8) {
          buffer[0] = 1;
          buffer.writeUInt32LE(buffer.length, 4);
        }
        try {
          const header = readBatchHeader(buffer);
          for (const record of recordsOf(buffer, 0, header)) expect(record.data.length).toBeLessThan(buffer.length);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBatch);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("cut short is malformed", () => {
    const batch = batchOf([{ partitionKey: Buffer.from("k"), explicitHashKey: undefined, data: Buffer.from("d") }]);
    for (let size = 0; size < batch.length; size++) {
      expect(() => readBatchHeader(batch.subarray(0, size))).toThrow(MalformedBatch);
    }
  });

  test("knows the room that a record takes", () => {
    expect(recordSizeBytes(3, 4, false)).toBe(7 + 3 + 4);
    expect(recordSizeBytes(3, 4, true)).toBe(7 + EXPLICIT_HASH_KEY_SIZE_BYTES + 3 + 4);
  });
});
