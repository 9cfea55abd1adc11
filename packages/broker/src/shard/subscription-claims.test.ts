import type { ClaimRequest } from "@millrace/proto";
import { expect, test } from "vitest";
import { SubscriptionClaims } from "./subscription-claims.ts";

const of = (subscriptionId: string, kind: ClaimRequest["kind"], startedMs = 0, consumer = "app"): ClaimRequest => ({
  ...{ groupId: 1, consumer, subscriptionId, startedMs, kind },
});

test("a second subscription is refused for five seconds and then takes over; the first learns it at its next claim", () => {
  const claims = new SubscriptionClaims();
  expect(claims.claim(of("a", "first", 0), 0)).toBe("granted");
  expect(claims.claim(of("b", "first", 4_999), 4_999)).toBe("inUse");
  expect(claims.claim(of("x", "first", 4_999, "other"), 4_999)).toBe("granted");
  expect(claims.claim(of("a", "renewal", 0), 4_999)).toBe("granted");
  expect(claims.claim(of("b", "first", 5_000), 5_000)).toBe("granted");
  expect(claims.claim(of("a", "renewal", 0), 5_001)).toBe("superseded");
  expect(claims.claim(of("b", "renewal", 5_000), 6_000)).toBe("granted");
});

test("the same subscription may claim as often as its messages are repeated", () => {
  const claims = new SubscriptionClaims();
  for (const nowMs of [0, 1, 2]) expect(claims.claim(of("a", "first"), nowMs)).toBe("granted");
});

test("one that ended well, or has not been heard of, holds up nobody", () => {
  const claims = new SubscriptionClaims();
  claims.claim(of("a", "first"), 0);
  claims.claim(of("a", "release"), 1);
  expect(claims.claim(of("b", "first"), 2)).toBe("granted");
  claims.claim(of("a", "release"), 3); // late: not its claim any more
  expect(claims.claim(of("c", "first"), 4)).toBe("inUse");
  expect(claims.claim(of("c", "first"), 7_002)).toBe("granted");
});

test("at a new leader the later one of two wins, whichever comes first", () => {
  for (const order of [
    ["old", "new"],
    ["new", "old"],
  ]) {
    const claims = new SubscriptionClaims();
    const startedMs = (id: string) => (id === "old" ? 1 : 2);
    for (const id of order) claims.claim(of(id, "renewal", startedMs(id)), 100);
    expect(claims.claim(of("old", "renewal", 1), 200)).toBe("superseded");
    expect(claims.claim(of("new", "renewal", 2), 300)).toBe("granted");
  }
});
