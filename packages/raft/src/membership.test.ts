import { describe, expect, test } from "vitest";
import { decodeMembership, encodeMembership, firstStep, lastStep, MembershipHistory } from "./membership.ts";

const abc = { voters: ["a", "b", "c"], votersOutgoing: [], learners: [] };
const learning = { ...abc, learners: ["d"], joins: { d: 7 } };

describe("the joining by which a member is one", () => {
  test("goes through a change of voters, and goes with the member", () => {
    const joint = firstStep(learning, { ...abc, voters: ["b", "c", "d"] });
    expect(joint).toEqual({ voters: ["b", "c", "d"], votersOutgoing: ["a", "b", "c"], learners: [], joins: { d: 7 } });
    const after = lastStep(joint);
    expect(after.joins).toEqual({ d: 7 });
    expect(lastStep(firstStep(after, abc)).joins).toBeUndefined();
    expect(firstStep(learning, { ...learning, joins: { d: 9, e: 3 } }).joins).toEqual({ d: 9 });
  });

  test("is read back; memberships without one are written as they were before there were any", () => {
    expect(decodeMembership(encodeMembership(learning))).toEqual(learning);
    expect(encodeMembership(abc).toString()).toBe('{"voters":["a","b","c"],"votersOutgoing":[],"learners":[]}');
    for (const joins of [[], "x", { d: "7" }, { d: 0 }, { d: 1.5 }, null]) {
      expect(decodeMembership(Buffer.from(JSON.stringify({ ...learning, joins })))).toBeUndefined();
    }
  });

  test("gives a vote to who joined by it, not to who joined by another one; once it is over any membership does", () => {
    const entries = [{ index: 3, payload: encodeMembership(learning) }];
    const mayVote = (joinId?: number): boolean => new MembershipHistory(abc, entries, joinId).mayVote("d");
    expect([mayVote(7), mayVote(9), mayVote(0), mayVote()]).toEqual([true, false, true, true]);
    expect(new MembershipHistory(abc, [], 7).mayVote("a")).toBe(false);
    const history = new MembershipHistory(abc, entries, 9);
    history.joined();
    expect(history.mayVote("d")).toBe(true);
    expect(history.mayVote("e")).toBe(false);
  });
});
