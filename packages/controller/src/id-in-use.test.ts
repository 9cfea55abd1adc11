import type { Command } from "@millrace/proto";
import { expect, test } from "vitest";
import { decide } from "./decisions/decide.ts";
import { idInUse } from "./id-in-use.ts";
import { BROKER_DOWN_AFTER_MS, Liveness } from "./liveness.ts";
import type { BrokerHeartbeat__Output } from "./protocol.ts";
import { cluster, command, create, nodeId, register } from "./testing/commands.ts";

const ID = "broker-az-a-0";
const heartbeat = { nodeId: nodeId("az-a"), ledGroups: [], deletedGroups: [], loads: [] };

const aliveBy =
  (liveness: Liveness, nowMs: number) =>
  (node: string): boolean =>
    liveness.isAlive(node, nowMs);

function heardAt(nowMs: number): Liveness {
  const liveness = new Liveness();
  liveness.begin(0);
  liveness.heartbeat(heartbeat as unknown as BrokerHeartbeat__Output, nowMs);
  return liveness;
}

test("a new disk does not get the id of a broker that is heard of, and gets it when that one has fallen silent", () => {
  const state = cluster();
  const claim = register(ID, "az-a", "another disk") as Command;
  const liveness = heardAt(10_000);
  expect(idInUse(claim, state, aliveBy(liveness, 10_000 + BROKER_DOWN_AFTER_MS - 1))).toContain(
    `${ID} runs at ${ID}:1`,
  );
  expect(idInUse(claim, state, aliveBy(liveness, 10_000 + BROKER_DOWN_AFTER_MS))).toBeUndefined();
  // To a controller that has just begun to lead nobody is known to be silent.
  const began = new Liveness();
  began.begin(10_000);
  expect(idInUse(claim, state, aliveBy(began, 10_001))).toBeDefined();
});

test("the same disk, another id, a broker that is down, and every other command go their way", () => {
  const state = cluster();
  const liveness = heardAt(10_000);
  const nowMs = 10_001;
  expect(idInUse(register(ID, "az-a") as Command, state, aliveBy(liveness, nowMs))).toBeUndefined();
  expect(idInUse(register("new", "az-a") as Command, state, aliveBy(liveness, nowMs))).toBeUndefined();
  expect(idInUse(create("s", 1) as Command, state, aliveBy(liveness, nowMs))).toBeUndefined();
  decide(state, command("setBrokerState", { nodeId: nodeId("az-a"), state: "DOWN" }), 1);
  expect(idInUse(register(ID, "az-a", "another disk") as Command, state, aliveBy(liveness, nowMs))).toBeUndefined();
});
