import type { Lease } from "@millrace/proto";
import { expect, test } from "vitest";
import { streamOf } from "../../testing/metadata-fixtures.ts";
import { seededRandom } from "../../testing/simulated-cluster.ts";
import { StreamView } from "../../stream-view.ts";
import { LeaseSightings, type Plan, planRound } from "./lease-plan.ts";

const random = seededRandom(7);

/** A group as its workers see it, all leases alive unless said otherwise. */
class Group {
  view: StreamView;
  readonly leases = new Map<number, Lease>();
  readonly expired = new Set<number>();

  constructor(shardCount: number) {
    this.view = new StreamView(streamOf(1, "orders", { shardCount }));
  }

  put(shardNumber: number, owner: string, of: Partial<Lease> = {}): void {
    const counter = (this.leases.get(shardNumber)?.counter ?? 0) + 1;
    this.leases.set(shardNumber, { shardNumber, owner, counter, nextOffset: 0, done: false, claimant: "", ...of });
  }

  heldBy(worker: string): Set<number> {
    const own = [...this.leases.values()].filter(({ owner, done }) => owner === worker && !done);
    return new Set(own.map(({ shardNumber }) => shardNumber));
  }

  plan(worker: string, held = this.heldBy(worker)): Plan {
    const { view, leases, expired } = this;
    return planRound({ worker, view, leases, random, held, isExpired: ({ shardNumber }) => expired.has(shardNumber) });
  }

  /** One look of one worker; who is asked for a lease gives it up at once. */
  round(worker: string): number {
    const { takes, claims } = this.plan(worker);
    for (const { shard } of [...takes, ...claims]) this.put(shard.shard.number, worker);
    return takes.length + claims.length;
  }
}

const numbers = (takes: Plan["takes"]): number[] =>
  takes.map(({ shard }) => shard.shard.number).toSorted((a, b) => a - b);

test("a worker alone takes all; a second one takes nothing that is owned, and claims its half", () => {
  const group = new Group(4);
  expect(numbers(group.plan("one").takes)).toEqual([0, 1, 2, 3]);
  expect(group.round("one")).toBe(4);
  const { takes, claims } = group.plan("two");
  expect(takes).toEqual([]);
  expect(claims).toHaveLength(2);
});

test("what is claimed counts as the claimant's, for all who look", () => {
  const group = new Group(4);
  group.round("one");
  for (const { shard } of group.plan("two").claims) group.put(shard.shard.number, "one", { claimant: "two" });
  expect(group.plan("two")).toEqual({ takes: [], claims: [] });
  expect(group.plan("one", group.heldBy("one"))).toEqual({ takes: [], claims: [] });
  // A third one asks for one that nobody has asked for yet.
  const { claims } = group.plan("three");
  expect(claims).toHaveLength(1);
  expect(claims.map(({ shard }) => group.leases.get(shard.shard.number)?.claimant)).toEqual([""]);
});

test("what has expired, was given back, or is ours by name only is taken first, and its owner is no worker any more", () => {
  const group = new Group(5);
  group.put(0, "dead");
  group.put(1, "");
  group.put(2, "me");
  group.put(3, "dead", { claimant: "other" });
  group.expired.add(0).add(3);
  expect(numbers(group.plan("me", new Set()).takes)).toEqual([0, 1, 2, 3, 4]);
  group.put(4, "other");
  expect(group.plan("me", new Set()).takes).toHaveLength(3);
});

test("shards that are done with are nobody's, and their children come after them", () => {
  const group = new Group(2);
  const [first, second] = group.view.stream.shards;
  if (first === undefined || second === undefined) throw new Error("two shards");
  const child = { ...first, number: 2, parent: 0, adjacentParent: 1 };
  group.view = new StreamView({ ...group.view.stream, shards: [first, second, child] });
  group.put(0, "", { done: true });
  expect(numbers(group.plan("me").takes)).toEqual([1]);
  group.put(1, "", { done: true });
  expect(numbers(group.plan("me").takes)).toEqual([2]);
  // Parents that are not in the stream any more hold nobody up.
  group.leases.clear();
  group.view = new StreamView({ ...group.view.stream, shards: [child] });
  expect(numbers(group.plan("me").takes)).toEqual([2]);
});

test("whoever comes and goes, in any order: the shards are soon spread evenly, and then they stay", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const draw = seededRandom(seed);
    const group = new Group(draw.between(1, 24));
    let workers = Array.from({ length: draw.between(1, 6) }, (_, i) => `w${i}`);
    for (let change = 0; change < 4; change++) {
      for (let round = 0; round < 12; round++) {
        for (const worker of workers.toSorted(() => draw.between(-1, 1))) group.round(worker);
      }
      expect(workers.map((worker) => group.round(worker))).toEqual(workers.map(() => 0));
      const counts = workers.map((worker) => group.heldBy(worker).size);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(group.view.shards.length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      const gone = workers.filter(() => draw.between(0, 2) === 0);
      for (const worker of gone) for (const number of group.heldBy(worker)) group.put(number, "");
      workers = [...workers.filter((worker) => !gone.includes(worker)), `new ${change}`];
    }
  }
});

test("a lease stands still from when its counter was first seen, not from when it moved", () => {
  const sightings = new LeaseSightings();
  const lease = { shardNumber: 0, owner: "one", counter: 5, nextOffset: 0, done: false, claimant: "" };
  expect(sightings.stoodStillMs(0, 90_000)).toBe(0);
  sightings.note([lease], 1_000);
  sightings.note([lease], 9_000);
  expect(sightings.stoodStillMs(0, 10_000)).toBe(9_000);
  sightings.note([{ ...lease, counter: 6 }], 10_000);
  expect(sightings.stoodStillMs(0, 11_000)).toBe(1_000);
});
