import type { Lease, LeaseChange__Output } from "@millrace/proto";
import { expect, test } from "vitest";
import { ClusterState } from "../state/cluster-state.ts";
import { cluster, command, create, remove, scale } from "../testing/commands.ts";
import { decide, type Decided } from "./decide.ts";
import { GROUP_NAME_CHARS_MAX, GROUPS_PER_STREAM_MAX } from "./limits.ts";

function withStream(shardCount = 2): ClusterState {
  const state = cluster();
  decide(state, create("orders", shardCount), 1_000);
  decide(state, command("activateStream", { streamId: 1 }), 1_000);
  return state;
}

type Change = Partial<LeaseChange__Output>;
const full = (change: Change): LeaseChange__Output => ({
  shardNumber: 0,
  counter: 0,
  nextOffset: 0,
  done: false,
  release: false,
  claim: false,
  ...change,
});

function update(state: ClusterState, worker: string, changes: Change[], of: { begin?: boolean; group?: string } = {}) {
  const { begin = false, group = "billing" } = of;
  const decided = decide(
    state,
    command("updateLeases", { streamId: 1, group, worker, begin, changes: changes.map(full) }),
    0,
  );
  return { ...decided, code: decided.result.error?.code, refused: decided.result.refusedShards };
}

const begin = (state: ClusterState, changes: Change[] = []): string | undefined =>
  update(state, "w", changes, { begin: true }).code;
const lease = (state: ClusterState, shardNumber = 0): Lease | undefined =>
  state.groups.leasesOf(1, "billing")?.get(shardNumber);

test("a lease is taken, renewed with a checkpoint, given back, and taken by another who goes on from there", () => {
  const state = withStream();
  begin(state);
  expect(update(state, "one", [{}]).refused).toEqual([]);
  expect(lease(state)).toEqual({ shardNumber: 0, owner: "one", counter: 1, nextOffset: 0, done: false, claimant: "" });
  update(state, "one", [{ counter: 1, nextOffset: 7 }]);
  update(state, "one", [{ counter: 2, nextOffset: 9, release: true }]);
  expect(lease(state)).toMatchObject({ owner: "", counter: 3, nextOffset: 9 });
  update(state, "two", [{ counter: 3 }]);
  expect(lease(state)).toMatchObject({ owner: "two", counter: 4, nextOffset: 9 });
});

test("who has lost a lease neither renews nor checkpoints, finishes nor gives it back", () => {
  const state = withStream();
  begin(state);
  update(state, "one", [{}, { shardNumber: 1 }]);
  update(state, "two", [{ counter: 1 }]);
  const before = lease(state);
  for (const change of [{}, { nextOffset: 9 }, { done: true }, { release: true }]) {
    expect(update(state, "one", [{ counter: 1, ...change }]).refused).toEqual([0]);
  }
  expect(lease(state)).toBe(before);
  // What comes with it is decided for itself.
  expect(update(state, "one", [{ counter: 1 }, { shardNumber: 1, counter: 1, nextOffset: 5 }]).refused).toEqual([0]);
  expect(lease(state, 1)).toMatchObject({ owner: "one", counter: 2, nextOffset: 5 });
});

test("of two that take the same lease one has it", () => {
  const state = withStream();
  begin(state);
  expect(update(state, "one", [{}]).refused).toEqual([]);
  expect(update(state, "two", [{}]).refused).toEqual([0]);
  expect(lease(state)).toMatchObject({ owner: "one", counter: 1 });
});

test("a repeated change has the answer of the first and is no second one; a late one takes nothing back", () => {
  const state = withStream();
  begin(state);
  update(state, "one", [{}]);
  for (let i = 0; i < 3; i++) expect(update(state, "one", [{ counter: 1, nextOffset: 5 }]).refused).toEqual([]);
  expect(lease(state)).toMatchObject({ counter: 2, nextOffset: 5 });
  expect(update(state, "one", [{ counter: 1, nextOffset: 3 }]).refused).toEqual([]);
  expect(lease(state)).toMatchObject({ counter: 2, nextOffset: 5 });
  for (let i = 0; i < 2; i++) expect(update(state, "one", [{ counter: 2, release: true }]).refused).toEqual([]);
  expect(lease(state)).toMatchObject({ owner: "", counter: 3, nextOffset: 5 });
  expect(update(state, "one", [{ counter: 1, nextOffset: 8 }]).refused).toEqual([0]);
});

test("who claims a lease has it when its owner is through, and not before", () => {
  const state = withStream();
  begin(state);
  expect(update(state, "two", [{ claim: true }]).refused).toEqual([0]);
  update(state, "one", [{}]);
  expect(update(state, "two", [{ claim: true }]).refused).toEqual([0]); // it has moved on
  for (let i = 0; i < 2; i++) expect(update(state, "two", [{ counter: 1, claim: true }]).refused).toEqual([]);
  expect(lease(state)).toMatchObject({ owner: "one", counter: 1, claimant: "two" });
  expect(update(state, "three", [{ counter: 1, claim: true }]).refused).toEqual([0]);
  expect(update(state, "one", [{ counter: 1, claim: true }]).refused).toEqual([0]);
  update(state, "one", [{ counter: 1, nextOffset: 7 }]);
  expect(lease(state)).toMatchObject({ owner: "one", counter: 2, claimant: "two" });
  update(state, "one", [{ counter: 2, nextOffset: 9, release: true }]);
  expect(lease(state)).toMatchObject({ owner: "two", counter: 3, nextOffset: 9, claimant: "" });
  // Who takes an expired one owes nothing to those that asked its owner.
  update(state, "one", [{ counter: 3, claim: true }]);
  update(state, "three", [{ counter: 3 }]);
  expect(lease(state)).toMatchObject({ owner: "three", counter: 4, claimant: "" });
  update(state, "one", [{ counter: 4, claim: true }]);
  update(state, "three", [{ counter: 4, done: true }]);
  expect(lease(state)).toMatchObject({ owner: "", done: true, claimant: "" });
  expect(update(state, "one", [{ counter: 5, claim: true }]).refused).toEqual([0]);
});

test("a shard that is done with stays so, and is nobody's", () => {
  const state = withStream();
  begin(state);
  update(state, "one", [{}]);
  update(state, "one", [{ counter: 1, nextOffset: 5, done: true }]);
  expect(lease(state)).toMatchObject({ owner: "", counter: 2, nextOffset: 5, done: true });
  update(state, "two", [{ counter: 2 }]);
  expect(lease(state)).toMatchObject({ owner: "two", done: true });
});

test("a group begins once, as a whole, with nobody's leases", () => {
  const state = withStream();
  expect(update(state, "one", [{}]).code).toBe("GROUP_NOT_FOUND");
  expect(begin(state, [{ nextOffset: 5 }, { shardNumber: 1, done: true }])).toBeUndefined();
  expect(lease(state)).toEqual({ shardNumber: 0, owner: "", counter: 1, nextOffset: 5, done: false, claimant: "" });
  expect(lease(state, 1)).toMatchObject({ owner: "", done: true });
  expect(begin(state, [{ counter: 1, nextOffset: 90 }])).toBe("GROUP_EXISTS");
  expect(lease(state)).toMatchObject({ nextOffset: 5 });
});

test("neither the metadata's version nor its watchers nor the remembered answers hear of leases", () => {
  const state = withStream();
  const { version } = state;
  const decisions: Decided[] = [update(state, "one", [], { begin: true }), update(state, "one", [{}])];
  decisions.push(decide(state, command("removeGroup", { streamId: 1, group: "billing" }), 0));
  expect(decisions.map(({ result, changes }) => [result.error, changes])).toEqual(
    decisions.map(() => [null, undefined]),
  );
  expect(state.version).toBe(version);
  expect(state.groups.groupsOf(1)).toEqual([]);
  const renewal = command("updateLeases", { streamId: 1, group: "g", worker: "w", begin: true, changes: [] });
  decide(state, renewal, 0);
  expect(state.resultOf(renewal.commandId)).toBeUndefined();
});

test("what is too much or no good is refused, and nothing has changed", () => {
  const state = withStream();
  const encoded = (): string => state.encode().toString();
  begin(state);
  for (let i = 1; i < GROUPS_PER_STREAM_MAX; i++) update(state, "w", [], { begin: true, group: `g${i}` });
  const before = encoded();
  expect(update(state, "w", [], { begin: true, group: "one more" }).code).toBe("GROUP_LIMIT_EXCEEDED");
  const long = "x".repeat(GROUP_NAME_CHARS_MAX + 1);
  expect(update(state, "", [{}]).code).toBe("BAD_COMMAND");
  expect(update(state, long, [{}]).code).toBe("BAD_COMMAND");
  expect(update(state, "w", [{}], { group: long }).code).toBe("BAD_COMMAND");
  expect(update(state, "w", [{}, { shardNumber: 1, nextOffset: 2 ** 60 }]).code).toBe("BAD_COMMAND");
  expect(update(state, "w", [{ shardNumber: 2 }]).refused).toEqual([2]);
  expect(encoded()).toBe(before);
  const gone = command("updateLeases", { streamId: 9, group: "billing", worker: "w", begin: false, changes: [] });
  expect(decide(state, gone, 0).result.error?.code).toBe("STREAM_NOT_FOUND");
  const nothing = command("removeGroup", { streamId: 1, group: "nobody's" });
  expect(decide(state, nothing, 0).result.error?.code).toBe("GROUP_NOT_FOUND");
});

test("groups are in the stored state, which may be one from before there were any, and go with their stream", () => {
  const state = withStream();
  begin(state, [{ nextOffset: 5 }]);
  update(state, "one", [
    { counter: 1, nextOffset: 8 },
    { shardNumber: 1, done: true },
  ]);
  update(state, "one", [], { begin: true, group: "__proto__" });
  const again = ClusterState.decode(state.encode());
  expect(again.encode()).toEqual(state.encode());
  expect([...(again.groups.leasesOf(1, "billing")?.values() ?? [])]).toEqual([lease(state), lease(state, 1)]);
  expect(again.groups.leaseCount).toBe(2);

  const { groups, ...older } = JSON.parse(state.encode().toString()) as Record<string, unknown>;
  expect(groups).toHaveLength(2);
  expect(ClusterState.decode(Buffer.from(JSON.stringify(older))).groups.leaseCount).toBe(0);

  decide(again, remove("orders"), 0);
  expect(update(again, "one", [{ counter: 2 }]).code).toBe("STREAM_NOT_FOUND");
  decide(again, command("removeStream", { streamId: 1 }), 0);
  expect(again.groups.groupsOf(1)).toEqual([]);
  expect(again.groups.leaseCount).toBe(0);
});

test("children of a reshard have leases when they are in the stream", () => {
  const state = withStream(1);
  begin(state);
  decide(state, scale("orders", 2), 5_000);
  expect(update(state, "one", [{ shardNumber: 1 }]).refused).toEqual([1]);
  decide(state, command("requestClose", { streamId: 1 }), 5_000);
  decide(state, command("completeReshard", { streamId: 1 }), 5_000);
  expect(update(state, "one", [{ shardNumber: 1 }]).refused).toEqual([]);
});
