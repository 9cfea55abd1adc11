import fc from "fast-check";
import { expect, test } from "vitest";
import { decide } from "../decisions/decide.ts";
import { Liveness } from "../liveness.ts";
import type { ClusterState } from "../state/cluster-state.ts";
import { cluster, command, create, nodeId, register, UNNAMED, ZONES } from "../testing/commands.ts";
import { RECONCILERS } from "./reconcilers.ts";

/** The leader's view, and brokers that carry out at once what they are asked for. */
class World {
  readonly state: ClusterState;
  readonly liveness = new Liveness();
  readonly silent = new Set<string>();
  nowMs = 10_000;

  constructor(brokersPerZone: number, shards: number) {
    this.state = cluster(brokersPerZone, "off");
    this.liveness.begin(this.nowMs);
    decide(this.state, create("s", shards), 1);
    decide(this.state, command("activateStream", { streamId: 1 }), 1);
  }

  get shards() {
    return this.state.streams.get(1)?.shards ?? [];
  }

  replicasOf(node: string): number {
    return this.shards.filter(({ replicas }) => replicas.includes(node)).length;
  }

  /** Half a second: everybody who lives is heard, and what is wished is decided. @returns the wishes */
  step(): string[] {
    this.nowMs += 500;
    for (const { nodeId: node } of this.state.brokers.values()) {
      if (this.silent.has(node)) continue;
      const { version: metadataVersion } = this.state;
      const figures = {
        metadataVersion,
        hostedGroups: 0,
        freeBytes: 0,
        nowMs: 0,
        problems: [],
        closedGroups: [],
        loads: [],
      };
      const left = this.shards.filter((shard) => shard.left.includes(node)).map(({ groupId }) => groupId);
      const moved = this.shards.filter((shard) => shard.joining !== "" && !this.silent.has(shard.joining));
      const movedGroups = moved.map(({ groupId }) => groupId);
      this.liveness.heartbeat(
        { nodeId: node, ledGroups: [], deletedGroups: left, movedGroups, ...figures },
        this.nowMs,
      );
    }
    const { state, liveness, nowMs } = this;
    const observed = { state, liveness, nowMs, loads: { of: () => undefined } } as never;
    const wishes = RECONCILERS.filter((each) => each.name !== "onDemandScaling").flatMap((each) => [...each(observed)]);
    for (const { command: wished } of wishes) {
      const kind = wished.kind as "beginMove";
      decide(state, command(kind, wished[kind] as never), 1_000_000);
    }
    for (const { replicas, joining } of this.shards) {
      const zones = replicas.map((node) => state.brokers.get(node)?.az);
      expect(new Set(zones).size, `${replicas.join(" ")}, ${joining} joins`).toBe(3);
    }
    return wishes.map(({ key }) => key);
  }

  settle(seconds: number): void {
    for (let half = 0; half < seconds * 2; half++) this.step();
  }
}

test("a broker that is silent for a minute is waited for; after five its replicas are had in its own zone", () => {
  const world = new World(2, 6);
  const lost = nodeId("az-a", 0);
  const had = world.replicasOf(lost);
  expect(had).toBe(3);
  world.settle(2);
  world.silent.add(lost);
  world.settle(60);
  expect(world.replicasOf(lost)).toBe(had);
  world.settle(260);
  expect(world.replicasOf(lost)).toBe(0);
  expect(world.replicasOf(nodeId("az-a", 1))).toBe(6);
});

test("without another broker that may take them, replicas stay where they were", () => {
  const world = new World(1, 4);
  world.silent.add(nodeId("az-a"));
  world.settle(400);
  expect(world.replicasOf(nodeId("az-a"))).toBe(4);
  expect(world.shards.every(({ joining }) => joining === "")).toBe(true);
});

test("an empty disk takes the place of the one before it at once, and that one is forgotten", () => {
  const world = new World(1, 4);
  const register = {
    brokerId: "broker-az-b-0",
    az: "az-b",
    address: "x:1",
    diskId: "another",
    processId: 2,
    ...UNNAMED,
  };
  world.silent.add(nodeId("az-b"));
  expect(decide(world.state, command("registerBroker", register), 1).result.incarnation).toBe(2);
  world.settle(10);
  expect(world.replicasOf("broker-az-b-0/2")).toBe(4);
  expect(world.state.brokers.has(nodeId("az-b"))).toBe(false);
  expect(world.shards.every(({ left }) => left.length === 0)).toBe(true);
});

test("a broker that drains ends with nothing, one that comes is filled, and then nothing moves any more", () => {
  const world = new World(2, 10);
  const drained = nodeId("az-c", 1);
  decide(world.state, command("setBrokerState", { nodeId: drained, state: "DRAINING" }), 1);
  world.settle(30);
  expect(world.replicasOf(drained)).toBe(0);
  decide(world.state, command("setBrokerState", { nodeId: drained, state: "UP" }), 1);
  world.settle(60);
  expect(world.replicasOf(drained)).toBe(5);
  expect(world.step().filter((key) => key.startsWith("move"))).toEqual([]);
});

test.each([1, 7, 12, 30])(
  "O19: with a second broker in each zone, %i shards' replicas even out, and who is to lead",
  (shards) => {
    const world = new World(1, shards);
    for (const az of ZONES) decide(world.state, register(`broker-${az}-1`, az), 1);
    world.settle(120);
    for (const az of ZONES) {
      const both = [nodeId(az, 0), nodeId(az, 1)];
      const replicas = both.map((node) => world.replicasOf(node));
      const led = both.map((node) => world.shards.filter((shard) => shard.replicas[0] === node).length);
      for (const [one = 0, other = 0] of [replicas, led]) expect(Math.abs(one - other)).toBeLessThanOrEqual(1);
    }
    expect(world.step()).toEqual([]);
  },
);

test("when the joining broker is lost on the way, another takes its place in the wish", () => {
  const world = new World(3, 1);
  const [shard] = world.shards;
  const leaving = shard?.replicas.find((node) => node.startsWith("broker-az-a")) as string;
  const others = [0, 1, 2].map((index) => nodeId("az-a", index)).filter((node) => node !== leaving);
  world.silent.add(leaving).add(others[0] as string);
  const move = { groupId: shard?.groupId ?? 0, joining: others[0] as string, leaving, term: 0 };
  expect(decide(world.state, command("beginMove", move), 1).result.error).toBeNull();
  world.settle(320);
  expect(world.shards[0]?.replicas).toContain(others[1]);
  expect(world.shards[0]?.joining).toBe("");
});

test("moves to disks that were lost again do not block those of all other shards, nor themselves", () => {
  const world = new World(1, 30);
  const lost = nodeId("az-b");
  const incarnation = (number: number): string => `broker-az-b-0/${number}`;
  world.silent.add(lost).add(incarnation(2)).add(incarnation(3));
  const register = (number: number): void => {
    const disk = {
      brokerId: "broker-az-b-0",
      az: "az-b",
      address: "x:1",
      diskId: `disk ${number}`,
      processId: 2,
      ...UNNAMED,
    };
    decide(world.state, command("registerBroker", disk), 1);
  };
  for (const number of [2, 3]) {
    register(number);
    // The last ones, so that shards without a move come before them.
    for (const { groupId } of world.shards.slice(number === 2 ? -4 : -8, number === 2 ? undefined : -4)) {
      const move = { groupId, joining: incarnation(number), leaving: lost, term: 0 };
      expect(decide(world.state, command("beginMove", move), 1).result.error).toBeNull();
    }
  }
  register(4);
  world.settle(30);
  expect(world.replicasOf(incarnation(4))).toBe(30);
});

test("whatever comes and goes, a shard has three zones at every moment, and loads even out when it is quiet", () => {
  const event = fc.record({
    kind: fc.constantFrom("silent", "back", "drain", "undrain"),
    node: fc.tuple(fc.constantFrom(...ZONES), fc.integer({ min: 0, max: 1 })).map(([az, index]) => nodeId(az, index)),
    seconds: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 8 }), (events) => {
      const world = new World(2, 7);
      for (const { kind, node, seconds } of events) {
        if (kind === "silent") world.silent.add(node);
        if (kind === "back") world.silent.delete(node);
        if (kind === "drain") decide(world.state, command("setBrokerState", { nodeId: node, state: "DRAINING" }), 1);
        if (kind === "undrain") decide(world.state, command("setBrokerState", { nodeId: node, state: "UP" }), 1);
        world.settle(seconds);
      }
      world.silent.clear();
      for (const node of world.state.brokers.keys()) {
        decide(world.state, command("setBrokerState", { nodeId: node, state: "UP" }), 1);
      }
      world.settle(60);
      for (const az of ZONES) {
        const loads = [0, 1].map((index) => world.replicasOf(nodeId(az, index)));
        expect(Math.abs((loads[0] as number) - (loads[1] as number)), loads.join(" ")).toBeLessThanOrEqual(1);
      }
      expect(world.shards.every(({ joining, left }) => joining === "" && left.length === 0)).toBe(true);
    }),
    { numRuns: 25 },
  );
});

test("a leader that speaks of the move before this one does not complete this one, and no old replica counts as dropped", () => {
  const world = new World(2, 1);
  const groupId = world.shards[0]?.groupId ?? 0;
  const first = world.shards[0]?.replicas.find((node) => world.state.brokers.get(node)?.az === "az-a") ?? "";
  const second = first === nodeId("az-a", 0) ? nodeId("az-a", 1) : nodeId("az-a", 0);
  const leader = nodeId("az-b", 0);
  const hear = (node: string, metadataVersion: number, movedGroups: number[], deletedGroups: number[]): void =>
    world.liveness.heartbeat(
      {
        ...{ nodeId: node, metadataVersion, movedGroups, deletedGroups, ledGroups: [], hostedGroups: 1 },
        ...{ freeBytes: 0, nowMs: 0, problems: [], closedGroups: [], loads: [] },
      },
      world.nowMs,
    );
  const settle = (): void => {
    const { state, liveness, nowMs } = world;
    for (const { command: wished } of RECONCILERS.flatMap((each) => [...each({ state, liveness, nowMs } as never)])) {
      const kind = wished.kind as "beginMove";
      decide(state, command(kind, wished[kind] as never), 1_000_000);
    }
  };
  const move = (joining: string, leaving: string): void => {
    decide(world.state, command("beginMove", { groupId, joining, leaving, term: 0 }), 1);
  };
  for (const node of world.state.brokers.keys()) hear(node, world.state.version, [], []);
  move(second, first);
  hear(leader, world.state.version, [groupId], []);
  settle();
  expect(world.shards[0]).toMatchObject({ joining: "", left: [first] });
  hear(first, world.state.version, [], [groupId]);
  settle();
  expect(world.shards[0]?.left).toEqual([]);
  // Back again, before anybody is heard another time.
  move(first, second);
  settle();
  expect(world.shards[0]).toMatchObject({ joining: first, leaving: second, left: [] });
  hear(leader, world.state.version, [groupId], []);
  settle();
  move(second, first);
  settle();
  expect(world.shards[0], "what left last has not said that it dropped what it got since").toMatchObject({
    left: [second],
  });
});

/** A shard's replica is on its way to the other broker of its zone; nobody has reported anything yet. */
function underWay(): { world: World; groupId: number; joining: string; leaving: string } {
  const world = new World(2, 1);
  world.settle(2);
  const [shard] = world.shards;
  const leaving = shard?.replicas[0] ?? "";
  const groupId = shard?.groupId ?? 0;
  const joining = leaving.endsWith("0/1") ? leaving.replace("0/1", "1/1") : leaving.replace("1/1", "0/1");
  const begun = decide(world.state, command("beginMove", { groupId, joining, leaving, term: 1 }), 1);
  expect(begun.result.error).toBeNull();
  return { world, groupId, joining, leaving };
}

const drain = (world: World, node: string): unknown =>
  decide(world.state, command("setBrokerState", { nodeId: node, state: "DRAINING" }), 1);

test("who was to join, and drains, keeps what it has until the shard's leader has gone back", () => {
  const { world, groupId, joining, leaving } = underWay();
  drain(world, joining);
  decide(world.state, command("cancelMove", { groupId, joining }), 1);
  expect(world.shards[0]).toMatchObject({ joining, leaving: "", left: [] });
  expect(world.shards[0]?.replicas).toContain(leaving);
  const again = decide(world.state, command("beginMove", { groupId, joining: nodeId("az-z"), leaving, term: 1 }), 1);
  expect(again.result.error?.code).toBe("MOVE_IN_PROGRESS");
  decide(world.state, command("completeMove", { groupId, joining, term: 1, placedVersion: 0 }), 1);
  expect(world.shards[0]).toMatchObject({ joining: "", leaving: "", left: [joining] });
  expect(world.shards[0]?.replicas).toContain(leaving);
});

test("a report of the move as it was does not complete it once it is cancelled: the leader has yet to go back", () => {
  const { world, groupId, joining } = underWay();
  const placedVersion = world.shards[0]?.placedVersion ?? 0;
  drain(world, joining);
  decide(world.state, command("cancelMove", { groupId, joining }), 1);
  const late = decide(world.state, command("completeMove", { groupId, joining, term: 1, placedVersion }), 1);
  expect(late.result.error?.code).toBe("NO_SUCH_MOVE");
  expect(world.shards[0]).toMatchObject({ joining, leaving: "", left: [] });
  const now = world.shards[0]?.placedVersion ?? 0;
  const back = decide(world.state, command("completeMove", { groupId, joining, term: 1, placedVersion: now }), 1);
  expect(back.result.error).toBeNull();
  expect(world.shards[0]).toMatchObject({ joining: "", left: [joining] });
});

test("a move that was given up goes on when the one that was to leave is lost", () => {
  const { world, groupId, joining, leaving } = underWay();
  decide(world.state, command("cancelMove", { groupId, joining }), 1);
  const resumed = decide(world.state, command("beginMove", { groupId, joining, leaving, term: 2 }), 1);
  expect(resumed.result.error).toBeNull();
  expect(world.shards[0]).toMatchObject({ joining, leaving, left: [] });
  world.settle(5);
  expect(world.shards[0]?.replicas).toContain(joining);
});

test("a move to a broker that begins to drain is cancelled while the one that leaves is well, and goes on when that is lost", () => {
  for (const isLost of [false, true]) {
    const { world, groupId, joining, leaving } = underWay();
    drain(world, joining);
    if (isLost) drain(world, leaving);
    // Nobody reports anything: the world's brokers do so only of those that are heard.
    const { state, liveness, nowMs } = world;
    const wishes = RECONCILERS.filter(({ name }) => name === "replicaMoves").flatMap((each) => [
      ...each({ state, liveness, nowMs } as never),
    ]);
    expect(wishes.map(({ key }) => key)).toEqual(isLost ? [] : [`stay ${groupId}`]);
  }
});
