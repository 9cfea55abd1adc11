import { expect, test } from "vitest";
import { ClusterClock } from "./cluster-clock.ts";
import type { Clock } from "./world.ts";

const DAY_MS = 86_400_000;

function clockOf(state: { wallMs: number; monotonicMs: number }): Clock {
  const unused = (): never => {
    throw new Error("no timer here");
  };
  return { nowMs: () => state.wallMs, monotonicMs: () => state.monotonicMs, setTimer: unused, sleep: unused };
}

test("D16 a clock that is set wrong is not believed, and its own again when it is right", () => {
  const state = { wallMs: 1_000_000 * DAY_MS, monotonicMs: 10 };
  const trueMs = state.wallMs;
  const clock = new ClusterClock(clockOf(state));
  expect(clock.isConfirmed).toBe(false);
  expect(clock.nowMs()).toBe(trueMs);
  clock.heard(trueMs + 300, 10);
  expect(clock.isConfirmed).toBe(true);
  // Less than anybody notices.
  expect(clock.nowMs()).toBe(trueMs);
  state.wallMs += 40 * DAY_MS;
  expect(clock.nowMs()).toBe(trueMs + 300);
  expect(Math.round(clock.skewMs / DAY_MS)).toBe(40);
  state.monotonicMs += 5_000;
  expect(clock.nowMs()).toBe(trueMs + 5_300);
  state.wallMs = trueMs + 5_000;
  expect(clock.nowMs()).toBe(trueMs + 5_000);
});

test("an answer that was long on its way, or has no time, says nothing", () => {
  const state = { wallMs: DAY_MS, monotonicMs: 5_000 };
  const clock = new ClusterClock(clockOf(state));
  clock.heard(0, 5_000);
  clock.heard(DAY_MS, 3_900);
  expect(clock.isConfirmed).toBe(false);
  clock.heard(2 * DAY_MS, 4_900);
  expect(clock.nowMs()).toBe(2 * DAY_MS + 50);
});
