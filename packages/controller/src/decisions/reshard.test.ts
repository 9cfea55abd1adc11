import type { Shard } from "@millrace/proto";
import { uniformHashKeyRanges } from "@millrace/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { nextRound } from "./reshard-plan.ts";

function shard(number: number, starting: bigint, ending: bigint): Shard {
  return {
    number,
    groupId: number,
    startingHashKey: String(starting),
    endingHashKey: String(ending),
    createdAtS: 0,
    closedAtS: 0,
    parent: -1,
    adjacentParent: -1,
    replicas: [],
    joining: "",
    leaving: "",
    left: [],
    placedVersion: 0,
    termMin: 0,
    joinId: 0,
    forgotten: [],
  };
}

/** Carries out rounds as the controller does. */
function reshard(open: Shard[], target: number): { open: Shard[]; rounds: number } {
  let current = open;
  let number = open.length;
  for (let rounds = 0; ; rounds++) {
    const changes = nextRound(current, target);
    if (changes.length === 0) return { open: current, rounds };
    if (rounds > 40) throw new Error("it never ends");
    const gone = new Set(changes.flatMap(({ parents }) => parents.map((parent) => parent.number)));
    expect(gone.size).toBe(changes.flatMap(({ parents }) => parents).length);
    const made = changes.flatMap(({ ranges }) =>
      ranges.map(({ starting, ending }) => shard(number++, starting, ending)),
    );
    current = [...current.filter((each) => !gone.has(each.number)), ...made].toSorted((a, b) =>
      BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1,
    );
  }
}

test("from any number of shards to any other, by splits and merges, to ranges of equal size", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }), (from, target) => {
      const start = uniformHashKeyRanges(from).map(({ starting, ending }, i) => shard(i, starting, ending));
      const { open } = reshard(start, target);
      const expected = uniformHashKeyRanges(target).map(({ starting, ending }) => [String(starting), String(ending)]);
      expect(open.map(({ startingHashKey, endingHashKey }) => [startingHashKey, endingHashKey])).toEqual(expected);
    }),
  );
});

test("doubling splits every shard once, halving merges neighbours once", () => {
  const four = uniformHashKeyRanges(4).map(({ starting, ending }, i) => shard(i, starting, ending));
  expect(nextRound(four, 8)).toHaveLength(4);
  expect(reshard(four, 8).rounds).toBe(1);
  expect(nextRound(four, 2)).toHaveLength(2);
  expect(reshard(four, 2).rounds).toBe(1);
});

test("a round for ten thousand shards is planned in a blink", () => {
  const many = uniformHashKeyRanges(5_000).map(({ starting, ending }, i) => shard(i, starting, ending));
  const startedMs = performance.now();
  expect(nextRound(many, 10_000)).toHaveLength(5_000);
  expect(nextRound(many, 2_500)).toHaveLength(2_500);
  // Every controller does it while it applies: an election must not come of it.
  expect(performance.now() - startedMs).toBeLessThan(500);
});
