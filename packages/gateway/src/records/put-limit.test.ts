import { type Clock, MIB } from "@millrace/util";
import { beforeEach, expect, test } from "vitest";
import { PutLimit } from "./put-limit.ts";

let nowMs: number;
let timers: Set<{ readonly atMs: number; readonly run: () => void }>;
let limit: PutLimit;

const clock: Clock = {
  nowMs: () => nowMs,
  monotonicMs: () => nowMs,
  setTimer: (delayMs, run) => {
    const timer = { atMs: nowMs + delayMs, run };
    timers.add(timer);
    return { cancel: () => timers.delete(timer) };
  },
  sleep: () => Promise.reject(new Error("nobody sleeps here")),
};

beforeEach(() => {
  nowMs = 1_000;
  timers = new Set();
  limit = new PutLimit({ clock, atOnceMin: 2, atOnceMax: 10 });
});

async function pass(ms: number): Promise<void> {
  nowMs += ms;
  for (const timer of timers) {
    if (timer.atMs > nowMs) continue;
    timers.delete(timer);
    timer.run();
  }
  await settled();
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Puts that end when they are told to. */
function begin(count: number, sizeBytes = 1_000): { begun: () => number; refused: string[]; end(): Promise<void> } {
  const ends: (() => void)[] = [];
  const refused: string[] = [];
  let begun = 0;
  for (let index = 0; index < count; index++) {
    const put = (): Promise<void> => {
      begun++;
      return new Promise((resolve) => ends.push(resolve));
    };
    limit.run({ sizeBytes, isRepetition: false }, put).catch((error: Error) => refused.push(error.message));
  }
  const end = async (): Promise<void> => {
    ends.shift()?.();
    await settled();
  };
  return { begun: () => begun, refused, end };
}

/** Every put takes longer than a second by now. */
async function fallBehind(): Promise<void> {
  for (let window = 0; window < 60; window++) {
    nowMs += 250;
    limit.stored(1_000, 1_500);
  }
  await settled();
}

test("nothing is held back while puts are fast, and a slow one among them is no sign", async () => {
  const puts = begin(10);
  for (let window = 0; window < 10; window++) {
    nowMs += 250;
    limit.stored(1_000, 3_000);
    limit.stored(1_000, 5);
  }
  expect(limit.atOnce).toBe(10);
  expect(puts.begun()).toBe(10);
});

test("when even the fastest are late, fewer are begun; the others wait in line and are refused after a second", async () => {
  await fallBehind();
  expect(limit.atOnce).toBe(2);
  const puts = begin(5);
  expect(puts.begun()).toBe(2);
  await puts.end();
  expect(puts.begun()).toBe(3);
  await pass(1_000);
  expect(puts.refused).toHaveLength(2);
  expect(puts.refused[0]).toContain("Rate exceeded");
  expect(puts.begun()).toBe(3);
});

test("it opens again as fast as puts succeed", async () => {
  await fallBehind();
  for (let count = 0; count < 20; count++) limit.stored(1_000, 10);
  expect(limit.atOnce).toBe(10);
});

test("puts that fail free their place", async () => {
  await fallBehind();
  for (let round = 0; round < 5; round++) {
    await expect(
      limit.run({ sizeBytes: 1_000, isRepetition: false }, () => Promise.reject(new Error("no leader"))),
    ).rejects.toThrow("no leader");
  }
  const puts = begin(2);
  expect(puts.begun()).toBe(2);
});

test("a large put is as much as many small ones; what is larger than all room there is goes on, one at a time", async () => {
  const large = begin(3, 5 * MIB);
  expect(large.begun()).toBe(1);
  await large.end();
  expect(large.begun()).toBe(2);
  await pass(1_000);
  expect(large.refused).toHaveLength(1);
  await large.end();
  expect(begin(4).begun()).toBe(4);
});

test("O15: small puts keep a part of the room while large ones fill the rest and wait for more of it", async () => {
  const large = begin(3, 5 * MIB);
  const small = begin(5);
  expect([large.begun(), small.begun()]).toEqual([1, 3]);
  await small.end();
  expect([large.begun(), small.begun()]).toEqual([1, 4]);
  await pass(1_000);
  expect([large.refused.length, small.refused.length]).toEqual([2, 1]);
});

test("O15: small puts leave a place for a large one, however many they are", async () => {
  const small = begin(30);
  expect(small.begun()).toBe(10);
  const large = begin(2, MIB);
  expect(large.begun()).toBe(1);
  await large.end();
  expect(large.begun()).toBe(2);
});

test("large puts that succeed open it as fast as they had closed it", async () => {
  await fallBehind();
  limit.stored(MIB, 10);
  expect(limit.atOnce).toBe(7);
});

test("a repetition is told to come again, not that nothing was stored", async () => {
  await fallBehind();
  begin(2);
  const refused = limit.run({ sizeBytes: 1_000, isRepetition: true }, () => Promise.resolve());
  const outcome = expect(refused).rejects.toThrow("busy");
  await pass(1_000);
  await outcome;
});

test("the first ones make room for twice as many, and so on", async () => {
  limit = new PutLimit({ clock });
  const puts = begin(1_000, MIB);
  const rounds: number[] = [];
  for (let round = 0; round < 4; round++) {
    const running = puts.begun() - rounds.reduce((sum, count) => sum + count, 0);
    rounds.push(running);
    for (let count = 0; count < running; count++) limit.stored(MIB, 20);
    for (let count = 0; count < running; count++) await puts.end();
  }
  expect(rounds).toEqual([25, 50, 100, 200]);
});
