import { expect, test } from "vitest";
import { WriteMeter } from "./write-meter.ts";

test("a steady load is seen within a minute, a burst of a second hardly, and what is over is forgotten", () => {
  const meter = new WriteMeter(0);
  let nowMs = 0;
  const run = (seconds: number, bytesPerSecond: number): number => {
    let rate = 0;
    for (let half = 0; half < 2 * seconds; half++) {
      meter.wrote(bytesPerSecond / 2_000, bytesPerSecond / 2);
      nowMs += 500;
      rate = meter.rate(nowMs).bytesPerSecond;
    }
    return rate;
  };
  expect(run(1, 1_000_000)).toBeLessThan(100_000);
  expect(run(60, 1_000_000)).toBeGreaterThan(950_000);
  expect(meter.rate(nowMs).recordsPerSecond).toBeGreaterThan(950);
  expect(run(60, 0)).toBeLessThan(30_000);
  meter.wrote(1e6, 1e9); // a log that is read again after a restart
  meter.begin(nowMs);
  expect(run(1, 0)).toBe(0);
});
