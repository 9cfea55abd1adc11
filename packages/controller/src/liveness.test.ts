import { expect, test } from "vitest";
import { decide } from "./decisions/decide.ts";
import { BROKER_DOWN_AFTER_MS, Liveness } from "./liveness.ts";
import type { BrokerHeartbeat__Output } from "./protocol.ts";
import { cluster, command, create, nodeId, register, ZONES } from "./testing/commands.ts";

const [A, B, C] = ZONES.map((zone) => nodeId(zone)) as [string, string, string];

/** Three brokers, each with a replica of each of four shards. */
function fourShards() {
  const state = cluster(1, "off");
  decide(state, create("s", 4), 1);
  decide(state, command("activateStream", { streamId: 1 }), 1);
  const groups = (state.streams.get(1)?.shards ?? []).map(({ groupId }) => groupId);
  /** Of `leader`, which leads the groups of `lagging`, by their place, and who lags in each. */
  const heartbeat = (leader: string, lagging: Readonly<Record<number, readonly string[]>>): BrokerHeartbeat__Output =>
    ({
      nodeId: leader,
      ledGroups: Object.entries(lagging).map(([place, laggingNodes]) => ({
        groupId: groups[Number(place)],
        term: 1,
        laggingNodes: [...laggingNodes],
      })),
      deletedGroups: [],
      loads: [],
    }) as unknown as BrokerHeartbeat__Output;
  return { state, heartbeat };
}

test("O01: a broker learns how many of its replicas lack entries, by the word of leaders that are alive", () => {
  const { state, heartbeat } = fourShards();
  const liveness = new Liveness();
  liveness.begin(0);
  liveness.heartbeat(heartbeat(A, { 0: [C], 1: [B, C], 2: [] }), 100);
  liveness.heartbeat(heartbeat(B, { 3: [C] }), 100);
  expect(liveness.laggingReplicasOf(C, state, 200)).toBe(3);
  expect(liveness.laggingReplicasOf(B, state, 200)).toBe(1);

  liveness.heartbeat(heartbeat(A, { 0: [], 1: [], 2: [] }), 300);
  expect(liveness.laggingReplicasOf(C, state, 400)).toBe(1);
});

test("O01: a replica whose leader nobody has heard of counts as one that lacks entries", () => {
  const { state, heartbeat } = fourShards();
  const liveness = new Liveness();
  liveness.begin(0);
  // A controller that has just begun to lead.
  expect(liveness.laggingReplicasOf(C, state, 50)).toBe(4);
  liveness.heartbeat(heartbeat(A, { 0: [], 1: [] }), 100);
  expect(liveness.laggingReplicasOf(C, state, 200)).toBe(2);
  liveness.heartbeat(heartbeat(B, { 2: [], 3: [] }), 300);
  expect(liveness.laggingReplicasOf(C, state, 400)).toBe(0);
  // A fell silent.
  liveness.heartbeat(heartbeat(B, { 2: [], 3: [] }), 100 + BROKER_DOWN_AFTER_MS);
  expect(liveness.laggingReplicasOf(C, state, 100 + BROKER_DOWN_AFTER_MS)).toBe(2);
});

test("O01: a broker on another disk lacks all that the earlier one had, until it is filled", () => {
  const { state, heartbeat } = fourShards();
  const liveness = new Liveness();
  liveness.begin(0);
  liveness.heartbeat(heartbeat(A, { 0: [], 1: [], 2: [], 3: [] }), 100);
  const { brokerId = "", az = "" } = state.brokers.get(C) ?? {};
  decide(state, register(brokerId, az, "another disk"), 1);
  const newest = [...state.brokers.values()].find((broker) => broker.brokerId === brokerId && broker.nodeId !== C);
  expect(liveness.laggingReplicasOf(newest?.nodeId ?? "", state, 200)).toBe(4);
});

/** Brokers say what their clocks show, and the controller what time it is. */
function timeOf(brokers: number, clocks: readonly number[]): number {
  const liveness = new Liveness();
  liveness.begin(0);
  for (const [i, nowMs] of clocks.entries()) liveness.heartbeat(showing(`b${i}/1`, nowMs), 100);
  const nodeIds = clocks.map((_, i) => `b${i}/1`);
  return liveness.clusterNowMs(nodeIds, brokers, 100);
}

function showing(nodeId: string, nowMs: number): never {
  return { nodeId, nowMs, ledGroups: [], deletedGroups: [], loads: [] } as never;
}

test("of three clocks one may show anything", () => {
  expect(timeOf(3, [1, 5_000_000, 5_000_010])).toBe(5_000_000);
  expect(timeOf(3, [5_000_000, 9_000_000, 5_000_010])).toBe(5_000_010);
});

test("of two clocks that disagree neither is believed, while a third is not heard", () => {
  expect(timeOf(3, [1_000_000, 5_000_000])).toBe(0);
  expect(timeOf(3, [5_000_900, 5_000_000])).toBe(5_000_000);
  expect(timeOf(3, [5_000_000])).toBe(0);
});

test("a broker whose disk was lost is one clock, and not two", () => {
  const liveness = new Liveness();
  liveness.begin(0);
  liveness.heartbeat(showing("b0/1", 5_000_000), 100);
  liveness.heartbeat(showing("b1/1", 9_000_000), 100);
  liveness.heartbeat(showing("b1/2", 9_000_001), 100);
  expect(liveness.clusterNowMs(["b0/1", "b1/2", "b2/1"], 3, 100)).toBe(0);
});

test("the more clocks there are, the more may be wrong", () => {
  const right = [5_000_000, 5_000_001, 5_000_002];
  expect(timeOf(5, [...right, 1, 9_000_000])).toBe(5_000_001);
  expect(timeOf(5, [...right, 1])).toBe(0);
  expect(timeOf(1, [5_000_000])).toBe(5_000_000);
});
