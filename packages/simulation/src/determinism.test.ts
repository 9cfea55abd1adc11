import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { live } from "./testing/lives.ts";

const script = fileURLToPath(new URL("testing/print-trace.mjs", import.meta.url));

test("T02 the same seed does the same twice in one process, and in another one", async () => {
  for (const seed of ["7", "19"]) {
    const options = { seed, durationMs: 6_000 };
    const { traceHash, events, acknowledged } = await live(options);
    expect(events).toBeGreaterThan(1_000);
    expect(acknowledged).toBeGreaterThan(0);
    expect((await live(options)).traceHash).toBe(traceHash);
    const printed = execFileSync(
      process.execPath,
      ["--import", "tsx", "--conditions", "millrace-source", script, seed],
      { encoding: "utf8" },
    );
    expect(printed.trim()).toBe(traceHash);
  }
}, 180_000);

test("another seed does something else", async () => {
  const [one, other] = [await live({ seed: "1", durationMs: 1_000 }), await live({ seed: "2", durationMs: 1_000 })];
  expect(one.traceHash).not.toBe(other.traceHash);
});
