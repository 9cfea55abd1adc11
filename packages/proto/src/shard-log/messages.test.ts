import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as messages from "./messages.ts";

const u64 = fc.maxSafeNat();
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const position = { startOffset: u64, endOffset: u64, lastArrivalTimeMs: u64, closed: fc.boolean() };

function roundTrips<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  encode: (v: T) => Buffer,
  decode: (b: Buffer) => T,
): void {
  test(`${name} reads as it was written, and is a RangeError when cut short`, () => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const body = encode(value);
        expect(decode(body)).toEqual(value);
        expect(() => decode(body.subarray(0, body.length - 1))).toThrow(RangeError);
      }),
    );
  });
}

describe("the body of", () => {
  roundTrips(
    "an append's answer",
    fc.record({ baseOffset: u64, arrivalTimeMs: u64, recordCount: u32 }),
    messages.encodeAppendResult,
    messages.decodeAppendResult,
  );
  roundTrips(
    "a throttled answer",
    fc.record({ recordsAvailable: u32, bytesAvailable: u32 }),
    messages.encodeThrottled,
    messages.decodeThrottled,
  );
  roundTrips(
    "a read",
    fc.record({ groupId: u64, fromOffset: u64, bytesMax: u32, quotas: fc.boolean(), anyReplica: fc.boolean() }),
    messages.encodeReadRequest,
    messages.decodeReadRequest,
  );
  roundTrips(
    "a look-up",
    fc.record({ groupId: u64, target: fc.constantFrom("tail" as const, "time" as const), timeMs: u64 }),
    messages.encodeLocateRequest,
    messages.decodeLocateRequest,
  );
  roundTrips(
    "a look-up's answer",
    fc.record({ ...position, offset: u64 }),
    messages.encodeLocateResult,
    messages.decodeLocateResult,
  );

  test("an append ends with the batch, as a view", () => {
    const batch = Buffer.from("batch");
    const body = Buffer.concat([messages.encodeAppendPrefix(2 ** 40, true), batch]);
    const request = messages.decodeAppendRequest(body);
    expect(request).toEqual({ groupId: 2 ** 40, quotas: true, batch });
    expect(request.batch.buffer).toBe(body.buffer);
  });

  test("an append that is traced says of what", () => {
    const batch = Buffer.from("batch");
    const trace = { traceId: "0123456789abcdef0123456789abcdef", spanId: "fedcba9876543210" };
    const body = Buffer.concat([messages.encodeAppendPrefix(7, false, trace), batch]);
    expect(messages.decodeAppendRequest(body)).toEqual({ groupId: 7, quotas: false, trace, batch });
  });

  test("a read's answer ends with the batches", () => {
    const shard = { startOffset: 1, endOffset: 9, lastArrivalTimeMs: 1_700_000_000_000, closed: true };
    const body = Buffer.concat([messages.encodeReadResultPrefix(shard), Buffer.from("batches")]);
    expect(messages.decodeReadResult(body)).toEqual({ ...shard, batches: Buffer.from("batches") });
  });

  test("each stays the same over versions of this program", () => {
    const read = { groupId: 1, fromOffset: 2, bytesMax: 3, quotas: true, anyReplica: true };
    expect(messages.encodeReadRequest(read).toString("hex")).toBe("010000000000000002000000000000000300000003");
    expect(messages.encodeAppendPrefix(1, true).toString("hex")).toBe("010000000000000001");
    expect(messages.encodeLocateRequest({ groupId: 1, target: "time", timeMs: 5 }).toString("hex")).toBe(
      "0100000000000000010500000000000000",
    );
    expect(messages.encodeAppendResult({ baseOffset: 1, arrivalTimeMs: 2, recordCount: 3 }).toString("hex")).toBe(
      "0100000000000000020000000000000003000000",
    );
  });
});

test("a claim reads as it was written", () => {
  const claim = fc.record({
    ...{ groupId: u64, startedMs: u64, consumer: fc.string({ unit: "grapheme" }) },
    kind: fc.constantFrom("first" as const, "renewal" as const, "release" as const),
    subscriptionId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("hex")),
  });
  fc.assert(
    fc.property(claim, (value) => {
      const body = messages.encodeClaimRequest(value);
      expect(messages.decodeClaimRequest(body)).toEqual(value);
      expect(() => messages.decodeClaimRequest(body.subarray(0, 32))).toThrow(RangeError);
    }),
  );
  for (const verdict of ["granted", "inUse", "superseded"] as const) {
    expect(messages.decodeClaimVerdict(messages.encodeClaimVerdict(verdict))).toBe(verdict);
  }
});
