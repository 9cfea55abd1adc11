import type { Lease } from "@millrace/proto";
import { beforeEach, expect, test, vi } from "vitest";
import { StreamView } from "../../stream-view.ts";
import { streamOf } from "../../testing/metadata-fixtures.ts";
import { HeldLease } from "./held-lease.ts";

const LEASE_MS = 10_000;
const onDone = vi.fn<() => void>();
let lease: HeldLease;

beforeEach(() => {
  onDone.mockClear();
  const shard = new StreamView(streamOf(1, "orders")).shards[0];
  if (shard === undefined) throw new Error("a shard");
  lease = new HeldLease({ shard, taken: { counter: 5, nextOffset: 10 }, validUntilMs: LEASE_MS, onDone });
});

const found = (of: Partial<Lease>): Lease => ({
  shardNumber: 0,
  owner: "me",
  counter: 5,
  nextOffset: 10,
  done: false,
  claimant: "",
  ...of,
});

/** Sent at `nowMs`, and taken by the controllers. */
function renew(nowMs: number, release = false): void {
  lease.accepted(lease.takeChange(nowMs, release), LEASE_MS);
}

test("it is valid for a lease's time from when its renewal was sent", () => {
  expect([lease.isValid(LEASE_MS - 1), lease.isValid(LEASE_MS)]).toEqual([true, false]);
  renew(4_000);
  expect([lease.isValid(13_999), lease.isValid(14_000)]).toEqual([true, false]);
  expect(lease.takeChange(0, false)).toMatchObject({ counter: 6, nextOffset: 10 });
});

test("after an unknown outcome it counts from the first attempt: others may have seen the counter move then", () => {
  lease.takeChange(2_000, false);
  expect(lease.isStillOurs(found({}), "me")).toBe(true);
  renew(6_000);
  expect([lease.isValid(11_999), lease.isValid(12_000)]).toEqual([true, false]);
});

test("a change of unknown outcome that was made is known by its counter; any other counter is another tenure", () => {
  expect(lease.isStillOurs(found({ counter: 6 }), "me")).toBe(false);
  lease.takeChange(2_000, false);
  expect(lease.isStillOurs(found({ counter: 7 }), "me")).toBe(false);
  expect(lease.isStillOurs(found({ counter: 6, owner: "other" }), "me")).toBe(false);
  expect(lease.isStillOurs(found({ counter: 6 }), "me")).toBe(true);
  expect(lease.takeChange(3_000, false)).toMatchObject({ counter: 6 });
});

test("a checkpoint resolves when a command took it along, never goes back, and is refused once the lease is lost", async () => {
  const first = lease.checkpoint(14);
  expect(lease.checkpoint(12)).toBe(first); // one command takes them all
  const change = lease.takeChange(0, false);
  expect(change.nextOffset).toBe(15);
  const later = lease.checkpoint(19);
  lease.accepted(change, LEASE_MS);
  await first;
  expect(lease.isDirty).toBe(true);
  const sent = lease.takeChange(0, false);
  const last = lease.checkpoint(25);
  expect(sent.nextOffset).toBe(20);
  lease.lose();
  for (const promise of [later, last, lease.checkpoint(30)]) {
    await expect(promise).rejects.toMatchObject({ code: "LEASE_LOST" });
  }
  await lease.checkpoint(14); // that one is stored
});

test("a shard is done with when it has ended and its last record is checkpointed, in either order", async () => {
  expect(lease.isDone).toBe(false);
  const last = lease.checkpoint(19);
  expect(lease.isDone).toBe(false);
  lease.ended(21);
  expect(lease.isDone).toBe(false);
  expect(onDone).not.toHaveBeenCalled();
  void lease.checkpoint(20);
  expect(onDone).toHaveBeenCalledTimes(1);
  const change = lease.takeChange(0, false);
  expect(change).toMatchObject({ nextOffset: 21, done: true });
  // The answer was lost, and the table says that it was taken.
  expect(lease.isStillOurs(found({ owner: "", counter: 6, nextOffset: 21, done: true }), "me")).toBe(false);
  lease.lose();
  await last;
});

test("one without a record left is done with at once", () => {
  lease.ended(10);
  expect(lease.isDone).toBe(true);
  renew(0);
  expect(lease.isGone).toBe(true);
});

test("a claimed one hands nothing out, and is given up when what was is stored, or patience is at its end", () => {
  lease.handedOut(15);
  expect(lease.isReadyToYield(0)).toBe(false);
  lease.yieldWithin(LEASE_MS, 1_000);
  lease.yieldWithin(LEASE_MS, 9_000); // told again: patience began before
  expect(lease.mayHandOut(1_000)).toBe(false);
  expect(lease.isValid(1_000)).toBe(true);
  expect(lease.signal.aborted).toBe(true);
  expect(lease.isReadyToYield(2_000)).toBe(false);
  void lease.checkpoint(13);
  renew(2_000);
  expect(lease.isReadyToYield(10_999)).toBe(false);
  expect(lease.isReadyToYield(11_000)).toBe(true);
  void lease.checkpoint(14);
  expect(lease.isReadyToYield(3_000)).toBe(false);
  renew(3_000);
  expect(lease.isReadyToYield(3_000)).toBe(true);
  renew(4_000, true);
  expect(lease.isGone).toBe(true);
});
