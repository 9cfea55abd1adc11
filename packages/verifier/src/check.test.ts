// A verifier that cannot fail proves nothing: each kind of damage must be found, and a clean run must not be slandered.
import { expect, test } from "vitest";
import { Check } from "./check.ts";
import { Ledger } from "./ledger.ts";

const SHARD = "shardId-000000000000";

/** A ledger whose writer `a` has sent 0 to 9, and had those acknowledged that are named. */
function ledgerWith(...counters: readonly number[]): Ledger {
  const ledger = new Ledger("s");
  ledger.attempted.set("a", 10);
  for (const counter of counters) acknowledge(ledger, counter);
  return ledger;
}

function acknowledge(ledger: Ledger, counter: number, sequenceNumber = BigInt(counter)): void {
  const position = { shardId: SHARD, sequenceNumber };
  ledger.acknowledged.set(`a:${counter}`, position);
  ledger.onAcknowledged(`a:${counter}`, position);
}

const record = (counter: number, sequenceNumber = BigInt(counter)) => ({ id: `a:${counter}`, sequenceNumber });

test("what is as acknowledged is no violation, nor is a put that nobody knows the end of", () => {
  const check = new Check(ledgerWith(1, 2));
  for (const counter of [1, 2, 3]) check.read(SHARD, record(counter));
  check.finish();
  expect(check.violations).toEqual([]);
});

test.each([
  ["lost", [record(1)]],
  ["duplicated", [record(1), record(2), record(2, 5n)]],
  ["reordered", [record(2), record(1)]],
  ["altered", [record(1), record(2, 7n)]],
  ["altered", [record(1), record(2), record(99)]],
] as const)("%s: is found", (kind, records) => {
  const check = new Check(ledgerWith(1, 2));
  for (const each of records) check.read(SHARD, each);
  check.finish();
  expect(check.counts[kind]).toBeGreaterThan(0);
});

test("a record that was sent later and stands earlier is found, though its own put failed", () => {
  const check = new Check(ledgerWith(2));
  check.read(SHARD, record(5, 1n));
  check.read(SHARD, record(2, 2n));
  expect(check.counts.reordered).toBe(1);
});

test("a second copy in another shard is found", () => {
  const check = new Check(ledgerWith(1));
  check.read(SHARD, record(1));
  check.read("shardId-000000000001", record(1));
  expect(check.counts.duplicated).toBe(1);
});

test("live: records read before their acknowledgement are compared when it comes, and then forgotten", () => {
  const ledger = ledgerWith();
  const check = new Check(ledger, { live: true });
  for (const counter of [1, 2, 3]) check.read(SHARD, record(counter));
  acknowledge(ledger, 1);
  acknowledge(ledger, 2, 9n);
  ledger.onUnknown("a:3");
  acknowledge(ledger, 4);
  check.read(SHARD, record(4));
  check.finish();
  expect(check.counts).toEqual({ lost: 0, duplicated: 0, reordered: 0, altered: 1 });
  expect(ledger.acknowledged.size).toBe(0);
});

test("live: what was acknowledged and never read is lost", () => {
  const ledger = ledgerWith();
  const check = new Check(ledger, { live: true });
  acknowledge(ledger, 1);
  check.finish();
  expect(check.counts.lost).toBe(1);
});
