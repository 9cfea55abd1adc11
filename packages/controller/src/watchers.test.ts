import type { Stream } from "@millrace/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decide } from "./decisions/decide.ts";
import type { MetadataUpdate } from "./protocol.ts";
import { ClusterState } from "./state/cluster-state.ts";
import { cluster, command, create, remove } from "./testing/commands.ts";
import { Watchers } from "./watchers.ts";

/** Follows as a client does: forgets everything at a full update. */
class Follower {
  readonly updates: MetadataUpdate[] = [];
  readonly streams = new Map<number, Stream>();
  version = 0;
  /** Writes that the connection takes before it is full. */
  room = Number.POSITIVE_INFINITY;

  write(update: MetadataUpdate): boolean {
    this.updates.push(update);
    this.room--;
    if ((update.version as number) > this.version) {
      this.version = update.version as number;
      if (update.full === true) this.streams.clear();
      for (const stream of update.streams ?? []) this.streams.set(stream.streamId as number, stream as Stream);
      for (const streamId of update.removedStreamIds ?? []) this.streams.delete(streamId as number);
    }
    return this.room > 0;
  }

  get fulls(): number {
    return this.updates.filter(({ full }) => full).length;
  }
}

function setUp() {
  const holder = { state: cluster(1, "off") };
  const watchers = new Watchers(() => holder.state);
  let next = 0;
  const change = (): void => {
    const { changes } = decide(holder.state, create(`s${next++}`, 1), 1);
    if (changes !== undefined) watchers.changed(changes);
  };
  return { holder, watchers, change };
}
const from = (knownVersion: number, clusterId = "") => ({ knownVersion, clusterId });

test("who comes for the first time gets everything, and then only what changes", () => {
  const { watchers, change, holder } = setUp();
  change();
  const follower = new Follower();
  watchers.add(from(0), follower);
  change();
  expect(follower.updates.map(({ full, streams }) => [full, streams?.length])).toEqual([
    [true, 1],
    [false, 1],
  ]);
  expect(follower.updates[0]?.brokers).toHaveLength(3);
  expect(follower.updates[1]?.brokers).toHaveLength(0);
  expect(follower.version).toBe(holder.state.version);
});

test("who comes back gets what it missed; from another cluster, or after too long, everything", () => {
  const { watchers, change, holder } = setUp();
  change();
  const known = holder.state.version;
  for (let i = 0; i < 3; i++) change();
  const returned = new Follower();
  watchers.add(from(known, "x"), returned);
  expect(returned.updates.map(({ full, version }) => [full, version])).toEqual([
    [false, known + 1],
    [false, known + 2],
    [false, known + 3],
  ]);
  const stranger = new Follower();
  watchers.add(from(known, "another cluster"), stranger);
  expect(stranger.fulls).toBe(1);
  for (let i = 0; i < 1_000; i++) change();
  const late = new Follower();
  watchers.add(from(known, "x"), late);
  expect(late.updates.map(({ full }) => full)).toEqual([true]);
  expect(late.streams.size).toBe(holder.state.streams.size);
});

test("who knows more than this replica hears that it is alive, and nothing old", () => {
  const { watchers, change, holder } = setUp();
  const ahead = new Follower();
  watchers.add(from(holder.state.version + 1, "x"), ahead);
  expect(ahead.updates.map(({ full, streams }) => [full, streams])).toEqual([[false, undefined]]);
  change();
  expect(ahead.updates).toHaveLength(1);
  change();
  expect(ahead.updates).toHaveLength(2);
});

test("a replaced state is sent whole to everybody", () => {
  const { watchers, change, holder } = setUp();
  const follower = new Follower();
  watchers.add(from(0), follower);
  const newer = ClusterState.decode(holder.state.encode());
  decide(newer, create("elsewhere", 1), 1);
  holder.state = newer;
  watchers.reset();
  expect(follower.fulls).toBe(2);
  change();
  expect(follower.fulls).toBe(2);
  expect(follower.streams.size).toBe(2);
});

test("slow or quick, returning or new, every follower ends with the state, and none holds more than it takes", () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant("create" as const), which: fc.nat({ max: 5 }) }),
    fc.record({ what: fc.constant("delete" as const), which: fc.nat({ max: 5 }) }),
    fc.record({ what: fc.constant("remove" as const), which: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ what: fc.constant("drain" as const), which: fc.nat({ max: 2 }) }),
    fc.record({ what: fc.constant("return" as const), which: fc.nat({ max: 2 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const state = cluster(1, "off");
      const watchers = new Watchers(() => state);
      const followers = [0, 1, 2].map((i) => {
        const follower = new Follower();
        follower.room = i + 1;
        return { follower, handle: watchers.add(from(0), follower) };
      });
      const drain = (i: number): void => {
        const { follower, handle } = followers[i] as (typeof followers)[number];
        follower.room = i + 1;
        handle.drained();
      };
      for (const { what, which } of steps) {
        if (what === "drain") drain(which);
        else if (what === "return") {
          const each = followers[which] as (typeof followers)[number];
          each.handle.close();
          each.follower.room = which + 1;
          each.handle = watchers.add(from(each.follower.version, "x"), each.follower);
        } else {
          const made =
            what === "create"
              ? create(`s${which}`, 1)
              : what === "delete"
                ? remove(`s${which}`)
                : command("removeStream", { streamId: which });
          const { changes } = decide(state, made, 1);
          if (changes !== undefined) watchers.changed(changes);
        }
        for (const { follower } of followers) expect(follower.room).toBeGreaterThanOrEqual(0);
      }
      for (const [i, { follower }] of followers.entries()) {
        for (let rounds = 0; follower.version < state.version && rounds < 100; rounds++) drain(i);
        expect([...follower.streams.values()].toSorted((a, b) => a.streamId - b.streamId)).toEqual(
          [...state.streams.values()].toSorted((a, b) => a.streamId - b.streamId),
        );
      }
    }),
    { numRuns: 100 },
  );
});
