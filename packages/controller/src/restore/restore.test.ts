import { expect, test } from "vitest";
import { decide } from "../decisions/decide.ts";
import { ClusterState } from "../state/cluster-state.ts";
import { cluster, command, create, register } from "../testing/commands.ts";
import { decodeBackup, encodeBackup } from "./backup-file.ts";
import { restoredState, stateFromMetadata } from "./restored-state.ts";

function someState(): ClusterState {
  const state = cluster();
  decide(state, create("orders", 2), 1_000_000);
  decide(state, command("activateStream", { streamId: 1 }), 1_000_000);
  return state;
}

/** What a broker would have on its disk. */
function asHeard(state: ClusterState): Parameters<typeof stateFromMetadata>[0] {
  const [brokers, streams] = [[...state.brokers.values()], [...state.streams.values()]];
  const cluster = state.cluster ?? null;
  return { version: state.version, full: true, streams, removedStreamIds: [], brokers, brokersChanged: true, cluster };
}

const file = (): Buffer => {
  const state = someState();
  return encodeBackup({ clusterId: "x", version: state.version, state: state.encode() }, new Date(0));
};

test("a backup is read back; one that is cut off, damaged, of another version or something else is refused", () => {
  const bytes = file();
  const { header, state } = decodeBackup(bytes);
  expect(header).toMatchObject({ millraceBackup: 1, clusterId: "x", createdAt: "1970-01-01T00:00:00.000Z" });
  expect(ClusterState.decode(state).streams.size).toBe(1);
  expect(() => decodeBackup(bytes.subarray(0, bytes.length - 1))).toThrow("cut off");
  const damaged = Buffer.from(bytes);
  damaged[damaged.length - 20] = (damaged.at(-20) ?? 0) ^ 1;
  expect(() => decodeBackup(damaged)).toThrow("damaged");
  expect(() => decodeBackup(Buffer.from(bytes.toString().replace('"millraceBackup":1', '"millraceBackup":9')))).toThrow(
    "version 9",
  );
  expect(() => decodeBackup(Buffer.from("hello"))).toThrow("no backup");
});

test("what is given out after a restore is beyond all that the lost controllers can have given out", () => {
  const state = someState();
  const after = ClusterState.decode(restoredState(state.encode()));
  expect(after.cluster?.clusterId).toBe("x");
  expect(after.version).toBeGreaterThan(state.version + 100_000);
  const boundary = after.cluster?.restoredGroupIdMax ?? 0;
  expect(boundary).toBeGreaterThan(100_000);
  decide(after, create("new", 1), 2_000_000);
  const made = [...after.streams.values()].find(({ key }) => key?.name === "new");
  expect(made?.streamId).toBeGreaterThan(100_000);
  expect(made?.shards[0]?.groupId).toBeGreaterThan(boundary);
});

test("consumer groups are restored from the newest controllers' state, also where a broker's copy is newer", () => {
  const update = (state: ClusterState, nextOffset: number, begin = false) => {
    const own = { shardNumber: 0, counter: begin ? 0 : 1, nextOffset, done: false, release: false, claim: false };
    const changes = { streamId: 1, group: "billing", worker: "w", begin, changes: [own] };
    return decide(state, command("updateLeases", changes), 1).result;
  };
  const state = someState();
  update(state, 5, true);
  const older = state.encode();
  update(state, 9);
  const newer = state.encode(); // of the same version
  const offsetIn = (bytes: Buffer): number | undefined =>
    ClusterState.decode(bytes).groups.leasesOf(1, "billing")?.get(0)?.nextOffset;
  expect(offsetIn(restoredState(older))).toBe(5);
  expect(offsetIn(restoredState(older, [newer]))).toBe(9);
  expect(offsetIn(restoredState(newer, [older]))).toBe(9);
  decide(state, create("more", 1), 2_000_000);
  const heard = stateFromMetadata(asHeard(state));
  expect(offsetIn(restoredState(heard))).toBeUndefined();
  const restored = restoredState(heard, [older, newer]);
  expect(offsetIn(restored)).toBe(9);
  expect(ClusterState.decode(restored).streams.size).toBe(2);
  // A group of a stream that is gone by then goes with it.
  state.removeStream(state.streams.get(1) as Parameters<ClusterState["removeStream"]>[0]);
  state.takeChanges();
  expect(offsetIn(restoredState(stateFromMetadata(asHeard(state)), [newer]))).toBeUndefined();
});

test("a state from a broker's copy: brokers are known again by incarnation, once; another disk is another one", () => {
  const after = ClusterState.decode(restoredState(stateFromMetadata(asHeard(someState()))));
  expect([...after.streams.values()][0]?.shards).toHaveLength(2);
  const claim = (diskId: string, incarnation: number, clusterId = "x") =>
    decide(
      after,
      command("registerBroker", {
        ...{ brokerId: "broker-az-a-0", az: "az-a", address: "a:1", processId: 1 },
        ...{ diskId, incarnation, clusterId },
      }),
      1,
    ).result;
  expect(claim("its disk", 1)).toMatchObject({ error: null, incarnation: 1 });
  expect(claim("its disk", 1)).toMatchObject({ error: null, incarnation: 1 });
  expect(claim("an empty disk", 0, "")).toMatchObject({ error: null, incarnation: 2 });
  expect(claim("its disk", 1)).toMatchObject({ error: { code: "DISK_SUPERSEDED" } });
});

test("a broker of another cluster is refused, by controllers that began anew too", () => {
  const named = command("registerBroker", {
    ...{ brokerId: "b", az: "az-a", address: "a:1", processId: 1, diskId: "d", incarnation: 1 },
    clusterId: "another",
  });
  expect(decide(someState(), named, 1).result.error?.code).toBe("WRONG_CLUSTER");
  expect(decide(new ClusterState(), named, 1).result.error?.code).toBe("WRONG_CLUSTER");
  expect(decide(new ClusterState(), register("b", "az-a"), 1).result.error).toBeNull();
});
