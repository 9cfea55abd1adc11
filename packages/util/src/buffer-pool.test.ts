import { expect, test } from "vitest";
import { BufferPool } from "./buffer-pool.ts";

test("memory goes round, and only what was given back", () => {
  const pool = new BufferPool(1_000_000);
  const first = pool.take(100_000);
  const second = pool.take(100_000);
  expect([first.length, first.byteOffset]).toEqual([100_000, 0]);
  expect(second.buffer).not.toBe(first.buffer);
  pool.give(first);
  const third = pool.take(70_000);
  expect(third.buffer).toBe(first.buffer);
  expect(third.length).toBe(70_000);
  expect(pool.take(70_000).buffer).not.toBe(first.buffer);
});

test("it keeps no more than it may, nothing small, nothing of others, and nothing twice", () => {
  const pool = new BufferPool(200_000);
  const buffers = [pool.take(128 * 1_024), pool.take(128 * 1_024)];
  for (const buffer of buffers) pool.give(buffer);
  expect(pool.take(128 * 1_024).buffer).toBe(buffers[0]?.buffer);
  expect(pool.take(128 * 1_024).buffer).not.toBe(buffers[1]?.buffer);
  const small = pool.take(100);
  pool.give(small);
  expect(pool.take(100).byteOffset).not.toBe(small.byteOffset);
  const foreign = Buffer.allocUnsafeSlow(128 * 1_024);
  pool.give(foreign);
  expect(pool.take(90_000).buffer).not.toBe(foreign.buffer);
  const once = pool.take(50_000);
  pool.give(once);
  expect(() => pool.give(once)).toThrow("given back once");
});
