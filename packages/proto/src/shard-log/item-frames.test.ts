import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeItems, encodeItems, type OutgoingItem } from "./item-frames.ts";

const items: fc.Arbitrary<OutgoingItem[]> = fc.array(
  fc.record({
    requestId: fc.integer({ min: 0, max: 0xffff_ffff }),
    kind: fc.integer({ min: 0, max: 255 }),
    body: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 }),
  }),
  { maxLength: 10 },
);

test("items come out as they went in, pieces joined", () => {
  fc.assert(
    fc.property(items, (sent) => {
      const received = decodeItems(encodeItems(sent));
      expect(received).toEqual(sent.map((item) => ({ ...item, body: Buffer.concat(item.body) })));
    }),
  );
});

test("an item has these bytes", () => {
  const frame = encodeItems([{ requestId: 7, kind: 2, body: [Buffer.from("ab"), Buffer.from("c")] }]);
  expect(frame.toString("hex")).toBe("080000000700000002616263");
});

test("a frame cut short or of garbage is a RangeError, or items within it", () => {
  fc.assert(
    fc.property(items, fc.nat(), fc.uint8Array({ maxLength: 30 }), (sent, cut, garbage) => {
      const whole = encodeItems(sent);
      for (const bytes of [whole.subarray(0, cut % (whole.length + 1)), Buffer.from(garbage)]) {
        try {
          let total = 0;
          for (const { body } of decodeItems(bytes)) total += body.length;
          expect(total).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }
    }),
  );
});
