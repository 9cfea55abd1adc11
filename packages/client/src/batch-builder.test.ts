import { BATCH_FLAG_ENCRYPTED, readBatchHeader, readBatchId, recordsOf, verifyBatch } from "@millrace/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BatchBuilder } from "./batch-builder.ts";

const BATCH_ID = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");

/** Made of a few drawn numbers: drawing thousands of bytes one by one takes the test's whole time. */
const large = fc
  .tuple(fc.integer({ min: 3_000, max: 6_000 }), fc.integer({ min: 0, max: 255 }))
  .map(([size, seed]) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed) % 256));

const records = fc.array(
  fc.record({
    partitionKey: fc.option(fc.uint8Array({ maxLength: 60 }), { nil: undefined }),
    explicitHashKey: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: undefined }),
    data: fc.oneof(fc.uint8Array({ maxLength: 60 }), large),
  }),
  { maxLength: 12 },
);

/** Where the bytes lie in a larger buffer, as the gateway's request body has them. */
function within(bytes: Uint8Array): { source: Buffer; start: number; end: number } {
  return { source: Buffer.concat([Buffer.from("<<"), bytes, Buffer.from(">")]), start: 2, end: 2 + bytes.length };
}

test("batches hold the records that were added, one batch after the other, also in recycled memory", () => {
  fc.assert(
    fc.property(fc.array(records, { minLength: 1, maxLength: 4 }), fc.boolean(), (batches, recycles) => {
      const builder = new BatchBuilder();
      for (const inputs of batches) {
        let userBytes = 0;
        for (const { partitionKey, explicitHashKey, data } of inputs) {
          const key = within(partitionKey ?? new Uint8Array());
          const value = within(data);
          const keyStart = partitionKey === undefined ? -1 : key.start;
          builder.addRecord(key.source, keyStart, key.end, value.source, value.start, value.end, explicitHashKey);
          userBytes += (partitionKey?.length ?? 0) + data.length;
        }
        expect(builder.userBytes).toBe(userBytes);
        const { sizeBytes } = builder;
        const batch = builder.seal({ flags: BATCH_FLAG_ENCRYPTED, batchId: BATCH_ID });
        expect(batch.length).toBe(sizeBytes);
        const header = readBatchHeader(batch);
        verifyBatch(batch, 0, header);
        expect(header).toMatchObject({ flags: BATCH_FLAG_ENCRYPTED, recordCount: inputs.length, userBytes, sizeBytes });
        expect(readBatchId(batch)).toBe(BATCH_ID.toString("hex"));
        const read = [...recordsOf(batch, 0, header)].map(({ partitionKey, explicitHashKey, data }) => ({
          partitionKey: partitionKey && new Uint8Array(partitionKey),
          explicitHashKey: explicitHashKey && new Uint8Array(explicitHashKey),
          data: new Uint8Array(data),
        }));
        expect(read).toEqual(inputs);
        if (recycles) builder.recycle(batch);
      }
    }),
  );
}, 120_000);

test("memory that was given back is used again", () => {
  const builder = new BatchBuilder();
  const add = (): void => builder.addRecord(Buffer.from("key"), 0, 3, Buffer.alloc(100_000), 0, 100_000);
  add();
  const first = builder.seal({ flags: 0, batchId: BATCH_ID });
  builder.recycle(first);
  add();
  expect(builder.seal({ flags: 0, batchId: BATCH_ID }).buffer).toBe(first.buffer);
  add();
  expect(builder.seal({ flags: 0, batchId: BATCH_ID }).buffer).not.toBe(first.buffer);
});
