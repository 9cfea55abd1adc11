import { BatchBuilder } from "@millrace/client";
import { BATCH_FLAG_CLOSE, stampBatch } from "@millrace/proto";
import type { Entry } from "@millrace/raft";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEDUP_BATCHES_MAX, DEDUP_STEP_MS_MAX, DEDUP_WINDOW_MS, DedupTable } from "./dedup-table.ts";
import { encodeTruncate } from "./entries.ts";
import { ShardQuotas } from "./quotas.ts";
import { ShardState } from "./shard-state.ts";

interface Step {
  readonly batches: readonly { readonly id: number; readonly records: number }[];
  readonly afterMs: number;
  readonly truncateTo: number | undefined;
}

const step: fc.Arbitrary<Step> = fc.record({
  batches: fc.array(fc.record({ id: fc.nat(), records: fc.integer({ min: 1, max: 5 }) }), {
    minLength: 1,
    maxLength: 3,
  }),
  afterMs: fc.integer({ min: 0, max: 400_000 }),
  truncateTo: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
});

/** The log that a leader would have made of these. */
function entriesOf(steps: readonly Step[]): Entry[] {
  const entries: Entry[] = [];
  let offset = 1;
  let timeMs = 1_000;
  const add = (payload: Buffer): void => {
    entries.push({ index: entries.length + 1, term: 1, type: "data", payload });
  };
  for (const [n, { batches, afterMs, truncateTo }] of steps.entries()) {
    timeMs += afterMs;
    const pieces = batches.map(({ id, records }, i) => {
      const builder = new BatchBuilder();
      const data = Buffer.from("x");
      for (let r = 0; r < records; r++) builder.addRecord(data, 0, 1, data, 0, 1);
      const batchId = Buffer.alloc(16);
      batchId.writeUInt32LE(id >>> 0);
      batchId.writeUInt32LE(n * 10 + i, 4);
      const batch = builder.seal({ flags: 0, batchId });
      stampBatch(batch, 0, offset, timeMs, 1);
      offset += records;
      return batch;
    });
    add(Buffer.concat(pieces));
    if (truncateTo !== undefined && truncateTo < offset) add(encodeTruncate(truncateTo));
  }
  return entries;
}

test("a checkpoint anywhere and the rest of the log lead to the same state as the whole log", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.nat(), (steps, cut) => {
      const entries = entriesOf(steps);
      const whole = new ShardState();
      let resumed = new ShardState();
      for (const [i, entry] of entries.entries()) {
        whole.apply(entry);
        if (i === cut % (entries.length + 1)) resumed = ShardState.decode(resumed.encode());
        resumed.apply(entry);
      }
      expect(resumed.encode().equals(whole.encode())).toBe(true);
    }),
  );
});

describe("the dedup table", () => {
  const stored = (baseOffset: number, arrivalTimeMs: number) => ({ baseOffset, arrivalTimeMs, recordCount: 1 });

  test("forgets what is older than its window, and no more than it must", () => {
    const table = new DedupTable();
    table.add("old", stored(1, 0));
    table.add("edge", stored(2, 10));
    for (let ms = DEDUP_STEP_MS_MAX; ms <= DEDUP_WINDOW_MS; ms += DEDUP_STEP_MS_MAX)
      table.add(`at ${ms}`, stored(3, ms));
    expect(table.get("old")).toBeDefined();
    table.add("new", stored(4, DEDUP_WINDOW_MS + 5));
    expect(table.get("old")).toBeUndefined();
    expect(table.get("edge")).toEqual(stored(2, 10));
  });

  const ID = { old: "0a".repeat(16), tomorrow: "0b".repeat(16), next: "0c".repeat(16) };

  test("does not forget because a clock was set forward, whether it was stored meanwhile or not", () => {
    const whole = new DedupTable();
    whole.add(ID.old, stored(1, 0));
    whole.add(ID.tomorrow, stored(2, 24 * 3_600_000));
    const resumed = DedupTable.decode(whole.encode(Number.MAX_SAFE_INTEGER));
    for (const table of [whole, resumed]) {
      table.add(ID.next, stored(3, 24 * 3_600_000 + 10));
      expect(table.get(ID.old)).toEqual(stored(1, 0));
    }
    expect(resumed.encode(100).equals(whole.encode(100))).toBe(true);
  });

  test("is bounded in number", () => {
    const table = new DedupTable();
    for (let i = 0; i < DEDUP_BATCHES_MAX + 10; i++) table.add(String(i), stored(i, 0));
    expect(table.size).toBe(DEDUP_BATCHES_MAX);
    expect(table.get("9")).toBeUndefined();
    expect(table.get("10")).toBeDefined();
  });
});

describe("a provisioned shard's quota", () => {
  test("lets a thousand records or a mebibyte pass in a second, and says what is left", () => {
    const quotas = new ShardQuotas(0);
    expect(quotas.write(600, 1_000, 0)).toBeUndefined();
    expect(quotas.write(600, 1_000, 0)).toEqual({ recordsAvailable: 400, bytesAvailable: 1_048_576 - 1_000 });
    expect(quotas.write(400, 1_000, 0)).toBeUndefined();
    expect(quotas.write(1, 1, 0)).toEqual({ recordsAvailable: 0, bytesAvailable: 1_048_576 - 2_000 });
    expect(quotas.write(500, 1, 500)).toBeUndefined();
  });

  test("lets one record larger than that pass after a rest, which it pays for", () => {
    const quotas = new ShardQuotas(0);
    expect(quotas.write(1, 4 * 1_048_576, 0)).toBeUndefined();
    expect(quotas.write(1, 1, 2_000)).toMatchObject({ bytesAvailable: 0 });
    expect(quotas.write(1, 1, 4_001)).toBeUndefined();
  });

  test("lets five reads pass, and none while a large answer is not paid for", () => {
    const quotas = new ShardQuotas(0);
    expect([1, 2, 3, 4, 5, 6].map(() => quotas.read(0))).toEqual([true, true, true, true, true, false]);
    expect(quotas.read(1_000)).toBe(true);
    quotas.readDone(10 * 1_048_576);
    expect(quotas.read(4_900)).toBe(false);
    expect(quotas.read(5_100)).toBe(true);
  });
});

test("a log that begins with the end of its shard is read again after all its records have expired", () => {
  const entries = entriesOf([{ batches: [{ id: 1, records: 3 }], afterMs: 1, truncateTo: undefined }]);
  const state = new ShardState();
  for (const entry of entries) state.apply(entry);
  const close = new BatchBuilder().seal({ flags: BATCH_FLAG_CLOSE, batchId: Buffer.alloc(16, 0xff) });
  stampBatch(close, 0, state.nextOffset, state.lastArrivalTimeMs, 1);
  const end: Entry = { index: entries.length + 1, term: 1, type: "data", payload: close };
  state.apply(end);
  const restored = ShardState.decode(state.encodeAt(state.nextOffset));
  expect(restored.closed).toBe(false);
  restored.apply(end);
  expect(restored).toMatchObject({ closed: true, nextOffset: state.nextOffset });
});
