import { totalmem } from "node:os";
import { expect, test } from "vitest";
import { memoryLimitBytes, scaledToMemory } from "./memory.ts";
import { MIB } from "./units.ts";

test("O15: bounds shrink with the memory that a process may use, and not to nothing", () => {
  expect(scaledToMemory(256 * MIB, 64_000 * MIB)).toBe(256 * MIB);
  expect(scaledToMemory(256 * MIB, 512 * MIB)).toBe(64 * MIB);
  expect(scaledToMemory(256 * MIB, 64 * MIB)).toBe(32 * MIB);
});

test("what a process may use is no more than what the machine has", () => {
  expect(memoryLimitBytes()).toBeGreaterThan(64 * MIB);
  expect(memoryLimitBytes()).toBeLessThanOrEqual(totalmem());
});
