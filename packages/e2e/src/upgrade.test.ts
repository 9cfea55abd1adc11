import { expect, test } from "vitest";
import { PROGRAM } from "./harness/cluster.ts";
import { runUpgrade } from "./upgrade/run.ts";

test("O01: every node is restarted in turn under load, as for an upgrade: nothing is lost, no request fails", async () => {
  const versions = ["this", "this again"].map((name) => ({ name, program: PROGRAM }));
  const report = await runUpgrade({ versions });
  expect(report.violations).toEqual([]);
  expect(report.failures).toEqual({});
  expect(report.failedRequests).toBe(0);
  expect(report.steps).toHaveLength(8);
  expect(report.acknowledged).toBeGreaterThan(1_000);
}, 240_000);
