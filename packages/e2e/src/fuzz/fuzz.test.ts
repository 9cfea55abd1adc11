import { expect, test } from "vitest";
import { fuzz } from "./run.ts";

test("nonsense in bodies, headers and frames gets answers, and leaves the node as it was", async () => {
  const report = await fuzz({ seed: 7, durationMs: 6_000 });
  expect(report.violations).toEqual([]);
  expect(report.requests).toBeGreaterThan(300);
  expect(report.connections).toBeGreaterThan(50);
}, 60_000);
