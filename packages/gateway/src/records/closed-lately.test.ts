import type { StreamView } from "@millrace/client";
import { expect, test } from "vitest";
import { closedLatelyFromS } from "./closed-lately.ts";

function closedAt(...times: readonly number[]): Pick<StreamView, "shards"> {
  const shards = times.map((closedAtS) => ({ open: closedAtS === 0, shard: { closedAtS } }));
  return { shards } as unknown as Pick<StreamView, "shards">;
}

test("shards of the last ten minutes before the newest closing may hold what is repeated", () => {
  const times = Array.from({ length: 20 }, (_, minute) => 10_000 + minute * 60);
  expect(closedLatelyFromS(closedAt(0, ...times))).toBe(10_000 + 9 * 60);
});

test("a clock that was set forward between two closings hides nothing that was closed before", () => {
  expect(closedLatelyFromS(closedAt(10_000, 10_030, 13_630, 0))).toBe(10_000);
});

test("a stream without closed shards has none that was closed lately", () => {
  expect(closedLatelyFromS(closedAt(0, 0))).toBe(0);
});
