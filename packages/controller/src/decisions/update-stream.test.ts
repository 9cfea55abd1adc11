import type { Command, Consumer } from "@millrace/proto";
import { expect, test } from "vitest";
import { decodeCommandEntry, encodeCommandEntry } from "../command.ts";
import { ClusterState } from "../state/cluster-state.ts";
import { cluster, command, create, key, scale } from "../testing/commands.ts";
import { decide, type Decided } from "./decide.ts";

/** A cluster with the ACTIVE stream `s`. */
function withStream(): ClusterState {
  const state = cluster();
  decide(state, create("s", 1), 1_000_000);
  decide(state, command("activateStream", { streamId: 1 }), 1_000_000);
  return state;
}

let nextId = 0;

/** As it comes out of the log. */
function change(state: ClusterState, what: NonNullable<Command["updateStream"]>, nowMs = 1_000_000): Decided {
  const update = { commandId: `u${nextId++}`, updateStream: { key: key("s"), ...what } };
  const entry = decodeCommandEntry(encodeCommandEntry(nowMs, update));
  return decide(state, entry.command, entry.nowMs);
}

const consumersOf = (state: ClusterState): readonly Consumer[] => state.streams.get(1)?.consumers ?? [];
const tagsOf = (state: ClusterState): string => JSON.stringify(consumersOf(state)[0]?.tags);
const many = (count: number, prefix = "k"): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, ""]));

test("a consumer's tags are in one order, at most 50, and not the stream's; they change while shards are moved about", () => {
  const state = withStream();
  change(state, { registerConsumer: "c", consumerTags: { b: "1", a: "2" } });
  expect(tagsOf(state)).toBe('{"a":"2","b":"1"}');
  decide(state, scale("s", 2), 1_000_000);
  change(state, { tags: { consumer: { name: "c", set: { aa: "3", b: "4" }, remove: ["a", "none"] } } });
  expect(tagsOf(state)).toBe('{"aa":"3","b":"4"}');
  expect(state.streams.get(1)).toMatchObject({ status: "UPDATING", tags: {} });
  const refused = (what: NonNullable<Command["updateStream"]>) => change(state, what).result.error?.code;
  expect(refused({ tags: { consumer: { name: "c", set: many(49) } } })).toBe("INVALID_ARGUMENT");
  expect(refused({ tags: { consumer: { name: "c", set: many(48) } } })).toBeUndefined();
  expect(refused({ registerConsumer: "d", consumerTags: many(51) })).toBe("INVALID_ARGUMENT");
  expect(refused({ registerConsumer: "d", consumerTags: many(50) })).toBeUndefined();
  expect(refused({ tags: { consumer: { name: "e" } } })).toBe("CONSUMER_NOT_FOUND");
  expect(ClusterState.decode(state.encode()).encode()).toEqual(state.encode());
});

test("a controller of the version before tags nothing, and counts the same versions as the others", () => {
  const [now, before] = [withStream(), withStream()];
  // What is left of the commands where the new members are unknown.
  change(now, { registerConsumer: "c", consumerTags: { a: "1" } });
  change(before, { registerConsumer: "c" });
  change(now, { tags: { consumer: { name: "c", set: { b: "2" } } } });
  change(before, { tags: {} });
  expect(before.version).toBe(now.version);
  const untagged = (state: ClusterState) => ({ ...state.streams.get(1), consumers: [] });
  expect(untagged(before)).toEqual(untagged(now));
  expect(consumersOf(before)).toEqual(consumersOf(now).map((consumer) => ({ ...consumer, tags: {} })));
});

test("a consumer that was stored before there were tags has none", () => {
  const state = withStream();
  change(state, { registerConsumer: "c" });
  const stored = Buffer.from(state.encode().toString().replace(',"tags":{},"policy":""', ',"policy":""'));
  expect(stored.length).toBeLessThan(state.encode().length);
  expect(tagsOf(ClusterState.decode(stored))).toBe("{}");
});
