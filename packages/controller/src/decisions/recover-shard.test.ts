import type { Shard } from "@millrace/proto";
import { expect, test } from "vitest";
import type { ClusterState } from "../state/cluster-state.ts";
import { cluster, command, create, nodeId, ZONES } from "../testing/commands.ts";
import { decide } from "./decide.ts";
import { refusalOfRecovery } from "./rehearse-recovery.ts";

const [A, B, C] = ZONES.map((az) => nodeId(az)) as [string, string, string];

function withStream(): { state: ClusterState; groupId: number; shard: () => Shard } {
  const state = cluster();
  decide(state, create("orders", 1), 1_000);
  decide(state, command("activateStream", { streamId: 1 }), 1_000);
  const shard = (): Shard => [...state.streams.values()][0]?.shards[0] as Shard;
  return { state, groupId: shard().groupId, shard };
}

const down = (state: ClusterState, ...nodeIds: string[]): void => {
  for (const id of nodeIds) decide(state, command("setBrokerState", { nodeId: id, state: "DOWN" }), 1);
};

test("a shard is recovered from the replica that is left; the others stay in their places, forgotten", () => {
  const { state, groupId, shard } = withStream();
  down(state, A, C);
  expect(decide(state, command("recoverShard", { groupId, survivor: B }), 1).result.error).toBeNull();
  expect(shard().replicas[0]).toBe(B);
  expect(new Set(shard().replicas)).toEqual(new Set([A, B, C]));
  expect(new Set(shard().forgotten)).toEqual(new Set([A, C]));
});

test("while a majority is there it is refused, and so is a survivor that is none", () => {
  const { state, groupId, shard } = withStream();
  const before = shard();
  const recover = (survivor: string): string | undefined =>
    decide(state, command("recoverShard", { groupId, survivor }), 1).result.error?.code;
  expect(recover(B)).toBe("QUORUM_ALIVE");
  down(state, A);
  expect(recover(B)).toBe("QUORUM_ALIVE");
  down(state, C);
  expect(recover(A)).toBe("BROKER_NOT_UP");
  expect(recover("nobody")).toBe("BROKER_NOT_FOUND");
  expect(shard()).toBe(before);
  expect(recover(B)).toBeUndefined();
  expect(recover(B)).toBe("QUORUM_ALIVE");
});

test("a forgotten one is a replica again when it has thrown the old one away", () => {
  const { state, groupId, shard } = withStream();
  down(state, A, C);
  decide(state, command("recoverShard", { groupId, survivor: B }), 1);
  decide(state, command("replicaDropped", { groupId, nodeId: A }), 1);
  expect(shard().forgotten).toEqual([C]);
  expect(shard().replicas).toContain(A);
});

test("a rehearsal says what the decision would, and decides nothing", () => {
  const { state, groupId, shard } = withStream();
  const before = shard();
  const rehearsed = (survivor: string): string | undefined =>
    refusalOfRecovery(Buffer.from(state.encode()), groupId, survivor);
  expect(rehearsed("nobody")).toBe("no broker nobody");
  expect(rehearsed(B)).toContain("3 of 3 replicas are there");
  down(state, A, C);
  expect(rehearsed(A)).toContain("is not up");
  expect(rehearsed(B)).toBeUndefined();
  expect(shard()).toBe(before);
});
