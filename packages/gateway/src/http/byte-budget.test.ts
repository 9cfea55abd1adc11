import { realWorld } from "@millrace/util";
import { expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";

const { clock } = realWorld();
const never = new AbortController().signal;

test("who finds no room waits in line, and is served first come, first served", async () => {
  const budget = new ByteBudget(100, clock);
  const first = await budget.take(80, 10_000, never);
  const order: string[] = [];
  const large = budget.take(90, 10_000, never).then((permit) => (order.push("large"), permit));
  const small = budget.take(10, 10_000, never).then((permit) => (order.push("small"), permit));
  expect(budget.usedBytes).toBe(80);
  first?.release();
  first?.release();
  const permits = await Promise.all([large, small]);
  expect(order).toEqual(["large", "small"]);
  expect(budget.usedBytes).toBe(100);
  for (const permit of permits) permit?.release();
  expect(budget.usedBytes).toBe(0);
});

test("waiting ends with time or the client, and lets those behind pass", async () => {
  const budget = new ByteBudget(100, clock);
  const held = await budget.take(80, 10_000, never);
  const gone = new AbortController();
  const abandoned = budget.take(90, 10_000, gone.signal);
  const late = budget.take(50, 5, never);
  const behind = budget.take(20, 10_000, never);
  gone.abort();
  expect(await abandoned).toBeUndefined();
  expect(await late).toBeUndefined();
  expect((await behind)?.bytes).toBe(20);
  expect(await budget.take(101, 10_000, never)).toBeUndefined();
  held?.release();
  expect(budget.usedBytes).toBe(20);
});

test("O15: small requests have room and a line of their own while large ones wait", async () => {
  const budget = new ByteBudget(100, clock, { sizeBytesMax: 5, reservedBytes: 20 });
  const large = await budget.take(80, 10_000, never);
  const waiting = budget.take(50, 10_000, never);
  const small = await Promise.all([1, 2, 3, 4].map(() => budget.take(5, 10_000, never)));
  expect(budget.usedBytes).toBe(100);
  const fifth = budget.take(5, 10_000, never);
  small[0]?.release();
  expect((await fifth)?.bytes).toBe(5);
  large?.release();
  expect((await waiting)?.bytes).toBe(50);
  expect(await budget.take(81, 10_000, never)).toBeUndefined();
});

test("O15: of large requests no more come over the wire than are worked on soon, and one always does", async () => {
  let largeBytes = 40;
  const small = { sizeBytesMax: 5, reservedBytes: 20, largeBytesNow: () => largeBytes };
  const budget = new ByteBudget(100, clock, small);
  const first = await budget.take(50, 10_000, never);
  const second = budget.take(30, 10_000, never);
  const third = budget.take(30, 10_000, never);
  expect((await budget.take(5, 10_000, never))?.bytes).toBe(5);
  expect(budget.usedBytes).toBe(55);
  largeBytes = 60;
  first?.release();
  expect((await second)?.bytes).toBe(30);
  expect((await third)?.bytes).toBe(30);
});
