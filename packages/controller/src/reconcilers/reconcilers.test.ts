import { expect, test } from "vitest";
import { decide } from "../decisions/decide.ts";
import { BROKER_DOWN_AFTER_MS, Liveness } from "../liveness.ts";
import type { BrokerHeartbeat__Output } from "../protocol.ts";
import type { ClusterState } from "../state/cluster-state.ts";
import { cluster, command, create, nodeId, remove, scale, ZONES } from "../testing/commands.ts";
import type { Reconciler } from "./reconciler.ts";
import { RECONCILERS } from "./reconcilers.ts";

/** The leader's view of a cluster, a clock that is set by hand, and brokers that do what the metadata says. */
class Leader {
  readonly state: ClusterState = cluster(1, "off");
  readonly liveness = new Liveness();
  nowMs = 10_000;

  constructor() {
    this.liveness.begin(this.nowMs);
  }

  wishes(reconcilers: readonly Reconciler[] = RECONCILERS): string[] {
    const { state, liveness, nowMs } = this;
    return reconcilers.flatMap((each) => [...each({ state, liveness, nowMs })].map(({ key }) => key));
  }

  /** Carries out what is wished, until nothing is. */
  settle(): string[] {
    const done: string[] = [];
    for (let rounds = 0; rounds < 20; rounds++) {
      const { state, liveness, nowMs } = this;
      const wishes = RECONCILERS.flatMap((each) => [...each({ state, liveness, nowMs })]);
      if (wishes.length === 0) return done;
      for (const { key, command: wished } of wishes) {
        const kind = wished.kind as "removeStream";
        decide(state, command(kind, wished[kind] as { streamId: number }), 1_000_000);
        done.push(key);
      }
    }
    throw new Error(`it never settles: ${done.slice(-5).join(", ")}`);
  }

  hear(az: string, heartbeat: Partial<BrokerHeartbeat__Output> = {}): void {
    const nothing = { ledGroups: [], loads: [], deletedGroups: [], closedGroups: [], movedGroups: [], problems: [] };
    const figures = { metadataVersion: this.state.version, hostedGroups: 0, freeBytes: 0, nowMs: this.nowMs };
    this.liveness.heartbeat({ nodeId: nodeId(az), ...nothing, ...figures, ...heartbeat }, this.nowMs);
  }

  /** Every broker leads what it should. */
  hearAll(heartbeat: (groupIds: readonly number[]) => Partial<BrokerHeartbeat__Output> = () => ({})): void {
    for (const az of ZONES) {
      const led = [...this.state.streams.values()]
        .flatMap(({ shards, reshard }) => [...shards, ...(reshard?.children ?? [])])
        .filter(({ replicas }) => replicas[0] === nodeId(az))
        .map(({ groupId }) => groupId);
      const ledGroups = led.map((groupId) => ({ groupId, term: 1, laggingNodes: [] }));
      this.hear(az, { ledGroups, ...heartbeat(led) });
    }
  }

  after(durationMs: number): this {
    this.nowMs += durationMs;
    return this;
  }
}

test("a silent broker is down after two seconds and up when it is heard again; a new leader waits as long", () => {
  const leader = new Leader();
  expect(leader.wishes()).toEqual([]);
  leader.after(BROKER_DOWN_AFTER_MS - 1);
  leader.hear("az-a");
  leader.hear("az-b");
  expect(leader.wishes()).toEqual([]);
  leader.after(1);
  expect(leader.settle()).toEqual([`down ${nodeId("az-c")}`]);
  leader.hear("az-c");
  expect(leader.settle()).toEqual([`up ${nodeId("az-c")}`]);
});

test("a leader that stood still itself takes nobody for silent", () => {
  const leader = new Leader();
  leader.hearAll();
  leader.after(60_000).liveness.stoodStill(60_000);
  expect(leader.wishes()).toEqual([]);
  expect(leader.after(BROKER_DOWN_AFTER_MS).wishes()).toHaveLength(3);
});

test("a broker that drains is not made up or down by what is heard of it", () => {
  const leader = new Leader();
  decide(leader.state, command("setBrokerState", { nodeId: nodeId("az-a"), state: "DRAINING" }), 1);
  leader.hearAll();
  expect(leader.wishes()).toEqual([]);
  leader.after(BROKER_DOWN_AFTER_MS);
  leader.hear("az-b");
  leader.hear("az-c");
  expect(leader.wishes()).toEqual([]);
});

test("a stream is ACTIVE when each of its shards has a leader that is alive", () => {
  const leader = new Leader();
  decide(leader.state, create("s", 3), 1);
  const [first] = leader.state.streams.get(1)?.shards ?? [];
  leader.hear("az-a", { ledGroups: [{ groupId: first?.groupId ?? 0, term: 1, laggingNodes: [] }] });
  expect(leader.wishes()).toEqual([]);
  leader.hearAll();
  expect(leader.settle()).toEqual(["activate 1"]);
  expect(leader.state.streams.get(1)?.status).toBe("ACTIVE");
});

test("a deleted stream is removed when its shards are gone everywhere; who stays away does not hold it up", () => {
  const leader = new Leader();
  decide(leader.state, create("s", 2), 1);
  decide(leader.state, remove("s"), 1);
  const groupIds = leader.state.streams.get(1)?.shards.map(({ groupId }) => groupId) ?? [];
  for (const az of ZONES) leader.hear(az);
  expect(leader.wishes()).toEqual([]);
  for (const az of ["az-a", "az-b"]) leader.hear(az, { deletedGroups: groupIds });
  leader.hear("az-c", { deletedGroups: groupIds.slice(1) });
  expect(leader.wishes()).toEqual([]);
  leader.after(5_001);
  for (const az of ["az-a", "az-b"]) leader.hear(az, { deletedGroups: groupIds });
  expect(leader.wishes()).toContain("remove 1");
});

test("a reshard goes from round to round: children led, parents closed, places changed", () => {
  const leader = new Leader();
  decide(leader.state, create("s", 1), 1);
  leader.hearAll();
  leader.settle();
  decide(leader.state, scale("s", 4), 1);
  expect(leader.wishes()).toEqual([]); // the children have no leaders yet
  leader.hearAll();
  expect(leader.settle()).toEqual(["close 1 1"]); // and now the parents must be closed
  leader.hearAll((closedGroups) => ({ closedGroups: [...closedGroups] }));
  expect(leader.settle()).toEqual(["complete 1 1"]);
  leader.hearAll();
  expect(leader.settle()).toEqual(["close 1 3"]);
  leader.hearAll((closedGroups) => ({ closedGroups: [...closedGroups] }));
  expect(leader.settle()).toEqual(["complete 1 3"]);
  const stream = leader.state.streams.get(1);
  expect(stream?.status).toBe("ACTIVE");
  expect(stream?.shards.filter(({ closedAtS }) => closedAtS === 0)).toHaveLength(4);
});

test("a reshard whose next round finds no zones waits without a decision a moment, and goes on by itself", () => {
  const leader = new Leader();
  decide(leader.state, create("s", 1), 1);
  leader.hearAll();
  leader.settle();
  decide(leader.state, scale("s", 4), 1);
  leader.hearAll();
  leader.settle();
  // Two zones go silent while the parents close; what they led is led in the third.
  leader.after(BROKER_DOWN_AFTER_MS);
  const groupIds = [...leader.state.streams.values()].flatMap(({ shards }) => shards.map(({ groupId }) => groupId));
  leader.hear("az-c", { closedGroups: groupIds });
  leader.settle();
  expect(leader.state.streams.get(1)).toMatchObject({ status: "UPDATING", reshard: { children: [] } });
  expect(leader.wishes()).toEqual([]);
  leader.hearAll();
  leader.settle();
  expect(leader.state.streams.get(1)?.reshard?.children).toHaveLength(4);
});

test("shards without a leader, without a live copy or with one that lags are counted", () => {
  const leader = new Leader();
  const health = () => leader.liveness.shardHealth(leader.state, leader.nowMs);
  decide(leader.state, create("s", 3), 1);
  expect(health()).toEqual({ underReplicated: 3, leaderless: 3 });
  leader.hearAll();
  expect(health()).toEqual({ underReplicated: 0, leaderless: 0 });
  leader.hearAll((led) => ({
    ledGroups: led.map((groupId) => ({ groupId, term: 2, laggingNodes: [nodeId("az-b")] })),
  }));
  expect(health()).toEqual({ underReplicated: 3, leaderless: 0 });
  leader.after(BROKER_DOWN_AFTER_MS);
  for (const az of ["az-a", "az-b"]) {
    const led = [...leader.state.streams.values()]
      .flatMap(({ shards }) => shards)
      .filter(({ replicas }) => replicas[0] === nodeId(az));
    leader.hear(az, { ledGroups: led.map(({ groupId }) => ({ groupId, term: 3, laggingNodes: [] })) });
  }
  expect(health()).toEqual({ underReplicated: 3, leaderless: 1 });
});

test("D16 the cluster's time is what a broker's clock shows that is right, when enough of them are heard to tell", () => {
  const world = new Leader();
  const dayMs = 86_400_000;
  const right = 100 * dayMs;
  const nodeIds = [...world.state.brokers.keys()];
  const now = (): number => world.liveness.clusterNowMs(nodeIds, 3, world.nowMs);
  expect(now()).toBe(0);
  world.hear("az-a", { nowMs: right + 40 * dayMs });
  expect(now()).toBe(0);
  world.hear("az-b", { nowMs: right + 1 });
  expect(now()).toBe(0); // one of them is wrong
  world.hear("az-c", { nowMs: right + 2 });
  expect(now()).toBe(right + 2);
  world.hear("az-a", { nowMs: right - 40 * dayMs });
  expect(now()).toBe(right + 1);
});
