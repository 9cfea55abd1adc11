import { expect, test } from "vitest";
import { parseStreams } from "./stream-declarations.ts";

test("streams are declared by name, shards or on-demand, and retention, in any order", () => {
  expect(parseStreams("orders:4, clicks:on-demand:48h,plain,old:8760h:2")).toEqual([
    { name: "orders", mode: "PROVISIONED", shardCount: 4, retentionHours: 24, tags: {} },
    { name: "clicks", mode: "ON_DEMAND", shardCount: 1, retentionHours: 48, tags: {} },
    { name: "plain", mode: "PROVISIONED", shardCount: 1, retentionHours: 24, tags: {} },
    { name: "old", mode: "PROVISIONED", shardCount: 2, retentionHours: 8760, tags: {} },
  ]);
});

test.each([
  ["", "needs a name"],
  ["a b", "needs a name"],
  ["a,a:2", "declared twice"],
  ["a:0", "needs 1 to 10000 shards"],
  ["a:1.5", "needs 1 to 10000 shards"],
  ["a:many", "needs 1 to 10000 shards"],
  ["a:23h", "retention of 24 to 8760"],
  ["a:2:3", "says the same twice"],
])("%j is refused in words: %s", (text, problem) => {
  expect(() => parseStreams(text)).toThrow(problem);
});
