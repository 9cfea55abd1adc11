import { setTimeout as sleep } from "node:timers/promises";
import { realWorld } from "@millrace/util";
import { expect, test } from "vitest";
import { CatchUpPace } from "./catch-up-pace.ts";

test("old entries are sent no faster than the pace, by all senders together", async () => {
  const pace = new CatchUpPace(realWorld().clock, 1_000_000);
  const startMs = performance.now();
  const send = async (): Promise<void> => {
    for (let sent = 0; sent < 200_000; sent += 20_000) await pace.sent(20_000);
  };
  await Promise.all([send(), send()]);
  const tookMs = performance.now() - startMs;
  // 400 KB at 1 MB/s, a tenth of a second ahead.
  expect(tookMs).toBeGreaterThan(280);
  expect(tookMs).toBeLessThan(2_000);
});

test("a rest is not saved up", async () => {
  const pace = new CatchUpPace(realWorld().clock, 1_000_000);
  await pace.sent(1);
  await sleep(300);
  const startMs = performance.now();
  await pace.sent(300_000);
  expect(performance.now() - startMs).toBeGreaterThan(180);
});

test("what is written now does not run away from those who are behind", async () => {
  const pace = new CatchUpPace(realWorld().clock, 1_000_000);
  const startMs = performance.now();
  for (let sent = 0; sent < 1_000_000; sent += 20_000) {
    pace.sentNew(5_000);
    await pace.sent(20_000);
  }
  // A second's worth at the pace alone.
  expect(performance.now() - startMs).toBeLessThan(500);
});
