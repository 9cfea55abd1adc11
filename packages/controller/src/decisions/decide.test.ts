import fc from "fast-check";
import { expect, test } from "vitest";
import { ClusterState } from "../state/cluster-state.ts";
import {
  cluster,
  command,
  create,
  DEFAULTS,
  key,
  nodeId,
  register,
  remove,
  scale,
  ZONES,
} from "../testing/commands.ts";
import { decide } from "./decide.ts";

const azOf = (state: ClusterState, nodeId: string): string | undefined => state.brokers.get(nodeId)?.az;

test("shards tile the key space, each has a copy in three zones, and leaders and replicas are spread evenly", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 6 }),
      (n, counts) => {
        const state = cluster(n, "off");
        for (const [i, count] of counts.entries()) decide(state, create(`s${i}`, count), 1_000);
        const leaders = new Map([...state.brokers.keys()].map((nodeId) => [nodeId, 0]));
        const replicas = new Map(leaders);
        const groupIds = new Set<number>();
        for (const { shards } of state.streams.values()) {
          let next = 0n;
          for (const shard of shards) {
            expect(BigInt(shard.startingHashKey)).toBe(next);
            next = BigInt(shard.endingHashKey) + 1n;
            expect(new Set(shard.replicas.map((nodeId) => azOf(state, nodeId))).size).toBe(3);
            expect(groupIds.has(shard.groupId)).toBe(false);
            groupIds.add(shard.groupId);
            const [leader] = shard.replicas as [string];
            leaders.set(leader, (leaders.get(leader) ?? 0) + 1);
            for (const nodeId of shard.replicas) replicas.set(nodeId, (replicas.get(nodeId) ?? 0) + 1);
          }
          expect(next).toBe(2n ** 128n);
        }
        for (const counted of [leaders, replicas]) {
          expect(Math.max(...counted.values()) - Math.min(...counted.values())).toBeLessThanOrEqual(1);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test("the same command twice is one decision, with the first one's answer", () => {
  const state = cluster();
  const once = create("s", 2);
  const first = decide(state, once, 1_000);
  const second = decide(state, once, 9_000);
  expect(second.result).toEqual(first.result);
  expect(second.changes).toBeUndefined();
  expect(decide(state, create("s", 2), 9_000).result.error?.code).toBe("STREAM_EXISTS");
});

test("any sequence of commands leads to the same bytes, with a restart from a snapshot anywhere between", () => {
  const step = fc.oneof(
    fc.tuple(fc.constant("create"), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 3 })),
    fc.tuple(fc.constant("delete"), fc.integer({ min: 0, max: 3 }), fc.constant(0)),
    fc.tuple(fc.constant("activate"), fc.integer({ min: 1, max: 5 }), fc.constant(0)),
    fc.tuple(fc.constant("remove"), fc.integer({ min: 1, max: 5 }), fc.constant(0)),
    fc.tuple(fc.constant("register"), fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 })),
    fc.tuple(fc.constant("lease"), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 3 })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.nat(), (steps, cut) => {
      const commands = steps.map(([kind, a, b]) => {
        if (kind === "create") return create(`s${a}`, b);
        if (kind === "delete") return command("deleteStream", { key: key(`s${a}`), enforceConsumerDeletion: false });
        if (kind === "activate") return command("activateStream", { streamId: a });
        if (kind === "remove") return command("removeStream", { streamId: a });
        if (kind === "lease") {
          const change = { shardNumber: 0, counter: b, nextOffset: b, done: b === 3, release: false, claim: false };
          const of = { streamId: a, group: "g", worker: `w${a}`, begin: b === 0 };
          return command("updateLeases", { ...of, changes: [change] });
        }
        return register(`broker-az-a-${a}`, "az-a", `disk ${b}`);
      });
      const [one, two] = [cluster(), cluster()];
      for (const each of [one, two]) each.version = 0;
      let other = two;
      const streamIds = new Set<number>();
      for (const [i, each] of commands.entries()) {
        if (i === cut % (commands.length + 1)) other = ClusterState.decode(other.encode());
        const result = decide(one, each, i);
        expect(decide(other, each, i).result).toEqual(result.result);
        for (const id of one.streams.keys()) streamIds.add(id);
      }
      const without = (state: ClusterState) =>
        state
          .encode()
          .toString()
          .replace(/"results":.*/, "");
      expect(without(other)).toBe(without(one));
      expect(streamIds.size).toBe(one.takeStreamId() - 1);
    }),
    { numRuns: 200 },
  );
});

test("a broker with a new disk is a new node, and the old disk never comes back", () => {
  const state = cluster();
  const again = decide(state, register("broker-az-a-0", "az-a"), 1);
  expect(again.result.incarnation).toBe(1);
  expect(decide(state, register("broker-az-a-0", "az-a", "new disk"), 1).result.incarnation).toBe(2);
  expect(state.brokers.get("broker-az-a-0/1")?.state).toBe("DOWN");
  expect(decide(state, register("broker-az-a-0", "az-a"), 1).result.error?.code).toBe("DISK_SUPERSEDED");
  // Nor when all that it had has moved, and it is forgotten.
  const forget = command("removeBroker", { nodeId: "broker-az-a-0/1" });
  expect(decide(state, forget, 1).result.error).toBeNull();
  const claim = register("broker-az-a-0", "az-a");
  const { clusterId } = state.cluster ?? { clusterId: "" };
  const named = { ...claim, registerBroker: { ...claim.registerBroker, incarnation: 1, clusterId } } as typeof claim;
  expect(decide(state, named, 1).result.error?.code).toBe("DISK_SUPERSEDED");
  expect(decide(state, register("broker-az-a-0", "az-a", "new disk"), 1).result.incarnation).toBe(2);
});

test("a stream needs three zones, and one broker down does not stop it", () => {
  const state = cluster();
  const down = (az: string) => decide(state, command("setBrokerState", { nodeId: nodeId(az), state: "DOWN" }), 1);
  down("az-a");
  expect(decide(state, create("s", 3), 1).result.error).toBeNull();
  const leaders = [...state.streams.values()].flatMap(({ shards }) => shards.map(({ replicas }) => replicas[0]));
  expect(leaders).not.toContain("broker-az-a-0/1");
  down("az-b");
  expect(decide(state, create("t", 1), 1).result.error?.code).toBe("NOT_ENOUGH_ZONES");
});

test("a refusal for want of zones counts all zones, and says what their brokers do instead", () => {
  const state = cluster();
  const set = (az: string, to: "UP" | "DRAINING" | "DOWN") =>
    decide(state, command("setBrokerState", { nodeId: nodeId(az), state: to }), 1).result.error;
  for (const az of ZONES) expect(set(az, "DRAINING")).toBeNull();
  const refusal = (): string | undefined => decide(state, create("t", 1), 1).result.error?.message;
  expect(refusal()).toBe("0 of 3 zones have a broker that takes new shards; 3 zones are needed (brokers: 3 draining)");
  set("az-a", "UP");
  set("az-b", "DOWN");
  expect(refusal()).toContain("1 of 3 zones");
});

test("with a replication factor of 1 one zone is enough", () => {
  const state = cluster(1, "aws", 1);
  for (const az of ["az-a", "az-b"]) {
    decide(state, command("setBrokerState", { nodeId: nodeId(az), state: "DOWN" }), 1);
  }
  expect(decide(state, create("s", 2), 1).result.error).toBeNull();
  const replicas = [...state.streams.values()].flatMap(({ shards }) => shards.map((shard) => shard.replicas));
  expect(replicas).toEqual([[nodeId("az-c")], [nodeId("az-c")]]);
  expect(ClusterState.decode(state.encode()).replicationFactor).toBe(1);
});

test("an account has 500 provisioned shards in a region, unless quotas are off", () => {
  const limited = cluster();
  expect(decide(limited, create("s", 499), 1).result.error).toBeNull();
  const refused = decide(limited, create("t", 2), 1).result.error;
  expect(refused).toMatchObject({
    code: "SHARD_LIMIT_EXCEEDED",
    details: { current: "499", limit: "500", additional: "2" },
  });
  expect(decide(cluster(1, "off"), create("s", 600), 1).result.error).toBeNull();
});

test("a deleted stream's name is free once it is removed, and its id is never used again", () => {
  const state = cluster();
  decide(state, create("s", 1), 1);
  decide(state, command("deleteStream", { key: key("s"), enforceConsumerDeletion: false }), 2);
  expect(decide(state, create("s", 1), 3).result.error?.code).toBe("STREAM_EXISTS");
  decide(state, command("removeStream", { streamId: 1 }), 4);
  expect(decide(state, create("s", 1), 5).result.error).toBeNull();
  expect([...state.streams.keys()]).toEqual([2]);
});

test("a stream made again within the second has other sequence numbers than the one that was removed", () => {
  const state = cluster();
  const createdAtS = () => [...state.streams.values()].map(({ shards }) => shards[0]?.createdAtS);
  decide(state, create("s", 1), 1_000_000);
  expect(createdAtS()).toEqual([998]);
  decide(state, remove("s"), 1_000_100);
  decide(state, command("removeStream", { streamId: 1 }), 1_000_200);
  const restored = ClusterState.decode(state.encode());
  const again = create("s", 1);
  for (const each of [state, restored]) decide(each, again, 1_000_300);
  expect(createdAtS()).toEqual([999]);
  expect(restored.encode()).toEqual(state.encode());
});

test("a shard count that no cluster can carry is refused before anything is made", () => {
  const state = cluster(1, "off");
  expect(decide(state, create("s", 4_000_000_000), 1).result.error?.code).toBe("SHARD_LIMIT_EXCEEDED");
  decide(state, create("t", 1), 1);
  decide(state, command("activateStream", { streamId: 1 }), 1);
  for (const target of [0, 4_000_000_000]) {
    expect(decide(state, scale("t", target), 1).result.error?.code).toBe("INVALID_ARGUMENT");
  }
});

test("names that would be one text when joined are refused", () => {
  const state = cluster();
  const slashed = { accountId: "0", region: "r/s", name: "t" };
  const input = { key: slashed, shardCount: 1, mode: "PROVISIONED", tags: {}, ...DEFAULTS } as const;
  expect(decide(state, command("createStream", input), 1).result.error?.code).toBe("BAD_COMMAND");
});

test("a round of a reshard ends even when the next one has no zones; it begins when they are back", () => {
  const state = cluster();
  const set = (az: string, to: "UP" | "DOWN") =>
    decide(state, command("setBrokerState", { nodeId: nodeId(az), state: to }), 1);
  const round = () => {
    decide(state, command("requestClose", { streamId: 1 }), 1);
    return decide(state, command("completeReshard", { streamId: 1 }), 5_000).result.error;
  };
  decide(state, create("s", 1), 1);
  decide(state, command("activateStream", { streamId: 1 }), 1);
  decide(state, scale("s", 4), 1);
  for (const az of ["az-a", "az-b"]) set(az, "DOWN");
  expect(round()).toBeNull();
  const stream = () => state.streams.get(1);
  const open = () => stream()?.shards.filter(({ closedAtS }) => closedAtS === 0) ?? [];
  expect(open()).toHaveLength(2); // they take puts
  expect(stream()).toMatchObject({ status: "UPDATING", reshard: { children: [], parents: [], targetShardCount: 4 } });
  expect(round()).toBeNull();
  expect(stream()?.reshard?.children).toEqual([]);
  for (const az of ["az-a", "az-b"]) set(az, "UP");
  round();
  expect(stream()?.reshard?.children).toHaveLength(4);
  expect(round()).toBeNull();
  expect(stream()).toMatchObject({ status: "ACTIVE", reshard: null });
  expect(open()).toHaveLength(4);
});

test("a reshard under a clock that was set back ends its parents within the stream's history", () => {
  const state = cluster();
  const createdMs = 1_000_000_500;
  decide(state, create("s", 1), createdMs);
  decide(state, command("activateStream", { streamId: 1 }), createdMs);
  decide(state, scale("s", 2), createdMs - 3_600_000);
  decide(state, command("requestClose", { streamId: 1 }), createdMs - 3_600_000);
  decide(state, command("completeReshard", { streamId: 1 }), createdMs - 3_600_000);
  const [parent, ...children] = state.streams.get(1)?.shards ?? [];
  expect(parent?.closedAtS).toBe(1_000_001);
  expect(children.map(({ createdAtS }) => createdAtS)).toEqual([1_000_002, 1_000_002]);
});
