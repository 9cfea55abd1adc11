import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogStore, openLogStore } from "@millrace/storage";
import { realWorld } from "@millrace/util";
import { expect, test } from "vitest";
import { Joining, noteJoining } from "./joining.ts";
import { decodeStoredState, encodeStoredState, withJoinId } from "./stored-state.ts";

const members = { voters: ["a", "b", "c"], votersOutgoing: [], learners: [] };

const joins = { groupId: 16, membership: members, termMin: 7, joinId: 31 };

function open(directory: string): Promise<LogStore> {
  return openLogStore(realWorld(), {
    directory,
    attributesOf: () => undefined,
    segmentSizeBytes: 1_024 * 1_024,
    cacheSizeBytes: 1_024,
    reservedFreeBytes: 0,
  });
}

test("who joins has on its disk that it is no member, and has voted already in the terms of its past", async () => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-joining-"));
  let store = await open(directory);
  const state = await noteJoining({ store, nodeId: "d" }, joins);
  expect(state?.hardState).toEqual({ term: 7, votedFor: "d", commitIndex: 0 });
  await store.close();
  store = await open(directory);
  const [found] = [...store.groups()];
  expect(found?.hardState).toEqual({ term: 7, votedFor: "d", commitIndex: 0 });
  expect(found?.truncationState).toEqual(state?.truncationState);
  expect(decodeStoredState(Buffer.from(found?.truncationState ?? "")).joinId).toBe(31);
  expect(found?.log).toMatchObject({ truncatedIndex: 0, lastIndex: 0 });
  await store.close();
  rmSync(directory, { recursive: true });
});

test("a first member has nothing to forget, and writes nothing", async () => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-joining-"));
  const store = await open(directory);
  expect(await noteJoining({ store, nodeId: "b" }, joins)).toBeUndefined();
  expect([...store.groups()]).toEqual([]);
  await store.close();
  rmSync(directory, { recursive: true });
});

test("a joining's number is its node's own, survives what a leader sends, and goes once it is over", () => {
  const sent = encodeStoredState({ membership: members, configEntries: [], machine: Buffer.from("m"), joinId: 12 });
  const joining = new Joining(31);
  joining.found(undefined);
  const own = decodeStoredState(joining.own(sent));
  expect(own).toMatchObject({ membership: members, joinId: 31 });
  expect(own.machine.toString()).toBe("m");
  expect(decodeStoredState(withJoinId(sent, 0))).not.toHaveProperty("joinId");
  joining.over(30);
  expect(joining.joinId).toBe(31);
  joining.over(40);
  expect(joining.joinId).toBe(0);
  expect(decodeStoredState(joining.own(sent))).not.toHaveProperty("joinId");
});
