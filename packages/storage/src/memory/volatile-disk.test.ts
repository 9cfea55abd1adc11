import { MIB } from "@millrace/util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { volatileDisk } from "./volatile-disk.ts";

test("a file is an array of bytes, whatever is written, truncated and read", async () => {
  const place = fc.integer({ min: 0, max: 700_000 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant("write" as const), at: place, size: fc.integer({ min: 0, max: 300_000 }) }),
    fc.record({ kind: fc.constant("truncate" as const), at: place, size: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), place, async (steps, from) => {
      const disk = volatileDisk({ capacityBytes: 64 * MIB });
      const file = await disk.open("/f", { create: true });
      let model = Buffer.alloc(0);
      for (const [i, { kind, at, size }] of steps.entries()) {
        const endBytes = size === 0 ? model.length : Math.max(model.length, at + size);
        const next = Buffer.alloc(kind === "truncate" ? at : endBytes);
        model.copy(next);
        model = next;
        if (kind === "truncate") await file.truncate(at);
        else {
          const bytes = Buffer.alloc(size, i + 1);
          bytes.copy(model, at);
          await file.write([bytes.subarray(0, size >> 1), bytes.subarray(size >> 1)], at);
        }
        expect(await file.sizeBytes()).toBe(model.length);
      }
      const target = Buffer.alloc(400_000);
      const count = await file.read(target, from);
      expect(target.subarray(0, count).equals(model.subarray(from, from + 400_000))).toBe(true);
    }),
    { numRuns: 40, examples: [[[{ kind: "write", at: 1, size: 0 }], 0]] },
  );
});

test("names are unique, a rename replaces, what is removed gives its room back", async () => {
  const disk = volatileDisk({ capacityBytes: MIB });
  await disk.makeDirectory("/a/b");
  await expect(disk.open("/a/b/one", { create: false })).rejects.toMatchObject({ code: "ENOENT" });
  const one = await disk.open("/a/b/one", { create: true });
  await one.write([Buffer.from("1")], 0);
  const two = await disk.open("/a/b/two", { create: true });
  await two.write([Buffer.alloc(MIB / 2)], 0);
  expect(await disk.freeBytes("/a")).toBe(MIB / 4);
  await expect(two.write([Buffer.alloc(MIB)], 0)).rejects.toMatchObject({ code: "ENOSPC" });
  await disk.rename("/a/b/one", "/a/b/two");
  expect(await disk.list("/a/b")).toEqual(["two"]);
  expect(await disk.freeBytes("/a")).toBe(MIB - MIB / 4);
  await disk.remove("/a/b/two");
  expect(await disk.freeBytes("/a")).toBe(MIB);
});
