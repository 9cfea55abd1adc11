import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeFrame, encodeFrame } from "./frame.ts";

const frameProto = fileURLToPath(new URL("../../../proto/millrace/v1/frame.proto", import.meta.url));
const definition = loadSync(frameProto)["millrace.v1.Frame"] as MessageTypeDefinition<
  { payload: Buffer },
  { payload: Buffer }
>;

test("frames are what protobuf makes of them, in both directions", () => {
  const sizes = fc.oneof(fc.nat(300), fc.constantFrom(127, 128, 16_383, 16_384, 2_097_151, 2_097_152));
  fc.assert(
    fc.property(sizes, fc.nat(255), (size, byte) => {
      const payload = Buffer.alloc(size, byte);
      const ours = encodeFrame({ payload });
      expect(definition.deserialize(ours).payload.equals(payload)).toBe(true);
      expect(decodeFrame(definition.serialize({ payload })).payload.equals(payload)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("the payload is a view", () => {
  const message = encodeFrame({ payload: Buffer.from("abc") });
  expect(decodeFrame(message).payload.buffer).toBe(message.buffer);
});

test("an empty message is an empty payload", () => {
  expect(decodeFrame(Buffer.alloc(0)).payload.length).toBe(0);
});

test("fields of later versions are skipped", () => {
  const known = encodeFrame({ payload: Buffer.from("abc") });
  const varint = Buffer.from([(2 << 3) | 0, 0x96, 0x01]);
  const fixed64 = Buffer.from([(3 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8]);
  const bytes = Buffer.from([(4 << 3) | 2, 2, 9, 9]);
  const fixed32 = Buffer.from([(5 << 3) | 5, 1, 2, 3, 4]);
  const message = Buffer.concat([varint, fixed64, known, bytes, fixed32]);
  expect(decodeFrame(message).payload.toString()).toBe("abc");
});

test("garbage is a RangeError or some payload within the message", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        expect(decodeFrame(Buffer.from(bytes)).payload.length).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
    { numRuns: 1_000 },
  );
});

test.each(["0a", "0a05616263", "0aff", "0b", "08", "0affffffffffffffffff01", "0d01", "09010203"])(
  "%s is malformed",
  (hex) => {
    expect(() => decodeFrame(Buffer.from(hex, "hex"))).toThrow(RangeError);
  },
);
