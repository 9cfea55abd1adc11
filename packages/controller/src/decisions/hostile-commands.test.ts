import type { Command, Command__Output } from "@millrace/proto";
import { HASH_KEY_MAX } from "@millrace/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeCommandEntry, encodeCommandEntry } from "../command.ts";
import { type ClusterState, shardsOf } from "../state/cluster-state.ts";
import type { StoredGroup } from "../state/consumer-groups.ts";
import { cluster, command, create, UNNAMED } from "../testing/commands.ts";
import { decide } from "./decide.ts";
import { openShards } from "./reshard-plan.ts";

// A command that throws is worse than any refusal: it is in the log, and every controller meets it at every start.

const KEYS = { accountId: "0", region: "r" };
const text = fc.oneof(fc.constantFrom("", "s", "t", "/", "a/b", "__proto__", "0", "x".repeat(600)), fc.string());
const count = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom(64, 10_001, 4_294_967_295) },
);
const streamId = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 9) },
);
const hashKey = fc.oneof(
  fc.constantFrom("", "0", "1", "2", "-1", "x", String(HASH_KEY_MAX), String(HASH_KEY_MAX + 1n), String(1n << 127n)),
  fc.bigInt({ min: 0n, max: HASH_KEY_MAX }).map(String),
);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("s", "t", "u").map((name) => ({ ...KEYS, name })) },
  { weight: 1, arbitrary: fc.record({ accountId: text, region: text, name: text }) },
  { weight: 1, arbitrary: fc.constant(undefined) },
);
const tags = fc.dictionary(text, text, { maxKeys: 60 });
const mode = fc.constantFrom("PROVISIONED" as const, "ON_DEMAND" as const);
const nodeId = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("broker-az-a-0/1", "broker-az-b-0/1", "broker-az-a-1/1", "broker-az-b-1/1") },
  { weight: 2, arbitrary: fc.constantFrom("broker-az-c-0/2", "new/1") },
  { weight: 1, arbitrary: text },
);
/** Mostly of one zone, so that some of them can change places. */
const zoneNode = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("broker-az-a-0/1", "broker-az-a-1/1") },
  { weight: 1, arbitrary: nodeId },
);
const group = fc.oneof({ weight: 6, arbitrary: fc.constantFrom("g", "h") }, { weight: 1, arbitrary: text });
const nextOffset = fc.oneof(fc.nat(9), fc.constantFrom(Number.MAX_SAFE_INTEGER, 2 ** 63, 2 ** 64 - 1));
const groupId = fc.integer({ min: 15, max: 20 });
const change = fc.oneof(
  fc.record({ retentionHours: count }),
  fc.record({ mode, modeWarmThroughputMibps: count }),
  fc.record({ maxRecordSizeKib: count }),
  fc.record({ encryptionKeyId: text }),
  fc.record({ shardLevelMetrics: fc.record({ names: fc.array(text) }) }),
  fc.record({ tags: fc.record({ set: tags, remove: fc.array(text) }) }),
  fc.record({ tags: fc.record({ consumer: fc.record({ name: text, set: tags, remove: fc.array(text) }) }) }),
  fc.record({ registerConsumer: text, consumerTags: tags }),
  fc.record({ deregisterConsumer: text }),
  fc.record({ policy: fc.record({ consumer: text, policy: text }) }),
  fc.record({ recordDistribution: text }),
  fc.record({ warmThroughputMibps: count }),
  fc.record({ faults: fc.record({ throttledShare: fc.double(), latencyMs: count }) }),
  fc.constant({}),
);
const reshard = fc.oneof(
  fc.record({ split: fc.record({ shardNumber: count, newStartingHashKey: hashKey }) }),
  fc.record({ merge: fc.record({ shardNumber: count, adjacentShardNumber: count }) }),
  fc.record({ targetShardCount: count }),
  fc.constant({}),
);
const anyKind = {
  createStream: fc.record(
    {
      ...{ key, shardCount: count, mode, tags, maxRecordSizeKib: count },
      ...{ warmThroughputMibps: count, recordDistribution: text },
    },
    { requiredKeys: ["key", "shardCount"] },
  ),
  deleteStream: fc.record({ key, enforceConsumerDeletion: fc.boolean() }),
  registerBroker: fc.record({
    brokerId: fc.oneof(fc.constantFrom("broker-az-a-0", "new"), text),
    az: fc.oneof(fc.constantFrom("az-a", "az-d"), text),
    address: text,
    diskId: fc.oneof(fc.constantFrom("disk of broker-az-a-0", "another"), text),
    processId: count,
    clusterId: fc.oneof(fc.constantFrom("", "x"), text),
    incarnation: count,
  }),
  activateStream: fc.record({ streamId }),
  removeStream: fc.record({ streamId }),
  initializeCluster: fc.record({
    clusterId: text,
    tokenKey: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    settings: maybe(fc.record({ quotas: text, replicationFactor: count, replaceBrokerAfterS: count })),
  }),
  setBrokerState: fc.record({ nodeId, state: fc.constantFrom("UP", "DOWN", "DRAINING") }),
  updateStream: fc.tuple(key, change).map(([ofStream, what]) => ({ ...(ofStream && { key: ofStream }), ...what })),
  beginReshard: fc.tuple(key, reshard).map(([ofStream, what]) => ({ ...(ofStream && { key: ofStream }), ...what })),
  requestClose: fc.record({ streamId }),
  completeReshard: fc.record({ streamId }),
  recoverShard: fc.record({ groupId, survivor: nodeId }),
  beginMove: fc.record({ groupId, joining: zoneNode, leaving: zoneNode }),
  completeMove: fc.record({ groupId, joining: zoneNode, term: fc.nat(5) }),
  cancelMove: fc.record({ groupId, joining: zoneNode }),
  replicaDropped: fc.record({ groupId, nodeId: zoneNode }),
  removeBroker: fc.record({ nodeId: fc.oneof(fc.constant("spare/1"), nodeId) }),
  updateLeases: fc.record({
    streamId,
    group,
    worker: fc.oneof({ weight: 6, arbitrary: fc.constantFrom("one", "two") }, { weight: 1, arbitrary: text }),
    begin: fc.boolean(),
    changes: fc.array(
      fc.record(
        {
          shardNumber: count,
          counter: fc.oneof(fc.nat(4), count),
          nextOffset,
          done: fc.boolean(),
          release: fc.boolean(),
          claim: fc.boolean(),
        },
        { requiredKeys: ["shardNumber", "counter"] },
      ),
      { maxLength: 8 },
    ),
  }),
  removeGroup: fc.record({ streamId, group }),
} as const satisfies { readonly [K in NonNullable<Command__Output["kind"]>]: fc.Arbitrary<object> };
/** The rare ones would otherwise end every story early: a stream that is being deleted takes nothing more. */
const WEIGHTS: { readonly [K in keyof typeof anyKind]: number } = {
  createStream: 8,
  deleteStream: 1,
  registerBroker: 1,
  activateStream: 4,
  removeStream: 3,
  initializeCluster: 1,
  setBrokerState: 2,
  updateStream: 3,
  beginReshard: 14,
  requestClose: 14,
  completeReshard: 14,
  beginMove: 12,
  completeMove: 12,
  cancelMove: 7,
  replicaDropped: 18,
  removeBroker: 2,
  recoverShard: 30,
  updateLeases: 10,
  removeGroup: 3,
};
/** They change consumer groups, which are no part of the metadata: no version tells of it. */
const OF_GROUPS: ReadonlySet<string> = new Set(["updateLeases", "removeGroup"]);
const anyCommand = fc.oneof(
  ...Object.entries(anyKind).map(([kind, input]) => ({
    weight: WEIGHTS[kind as keyof typeof anyKind],
    arbitrary: (input as fc.Arbitrary<object>).map((content) => ({ [kind]: content }) as Omit<Command, "commandId">),
  })),
  { weight: 1, arbitrary: fc.constant({} as Omit<Command, "commandId">) },
);

/** What holds of every state, whatever was decided. */
function checkInvariants(state: ClusterState): void {
  const groupIds = new Set<number>();
  for (const stream of state.streams.values()) {
    const numbers = new Set<number>();
    for (const { groupId, number, replicas, joining, leaving, left, forgotten } of shardsOf(stream)) {
      expect([...replicas, joining].filter((nodeId) => left.includes(nodeId))).toEqual([]);
      expect(replicas.includes(joining)).toBe(false);
      expect(forgotten.filter((nodeId) => !replicas.includes(nodeId))).toEqual([]);
      expect(forgotten.length).toBeLessThan(replicas.length);
      if (leaving !== "") expect(replicas.includes(leaving)).toBe(true);
      expect(groupIds.has(groupId)).toBe(false);
      groupIds.add(groupId);
      expect(numbers.has(number)).toBe(false);
      numbers.add(number);
      const zones = new Set(replicas.map((id) => state.brokers.get(id)?.az));
      expect(zones.size).toBe(state.replicationFactor);
      expect(replicas).toHaveLength(state.replicationFactor);
    }
    let next = 0n;
    for (const { startingHashKey, endingHashKey } of openShards(stream)) {
      expect(BigInt(startingHashKey)).toBe(next);
      next = BigInt(endingHashKey) + 1n;
    }
    expect(next).toBe(HASH_KEY_MAX + 1n);
    for (const shard of stream.shards) {
      for (const parent of stream.shards.filter(({ number }) =>
        [shard.parent, shard.adjacentParent].includes(number),
      )) {
        expect(shard.createdAtS).toBeGreaterThan(parent.closedAtS);
        expect(parent.closedAtS).toBeGreaterThanOrEqual(parent.createdAtS);
      }
    }
  }
}

/** What holds of every lease, one decision after the other. */
function checkGroups(state: ClusterState, before: ReadonlyMap<string, StoredGroup>): Map<string, StoredGroup> {
  const after = new Map(state.groups.toStored().map((each) => [`${each.streamId}/${each.group}`, each]));
  let leaseCount = 0;
  for (const [name, { streamId, leases }] of after) {
    const stream = state.streams.get(streamId);
    expect(stream).toBeDefined();
    leaseCount += leases.length;
    const earlier = new Map(before.get(name)?.leases.map((lease) => [lease[0], lease]));
    for (const [number, owner, counter, nextOffset, done, claimant] of leases) {
      if (claimant !== "") expect([owner === "", owner === claimant, done]).toEqual([false, false, 0]);
      expect(stream?.shards.some((shard) => shard.number === number)).toBe(true);
      expect(Number.isSafeInteger(nextOffset)).toBe(true);
      const [, ownerBefore = "", counterBefore = 0, offsetBefore = 0, doneBefore = 0] = earlier.get(number) ?? [];
      expect(nextOffset).toBeGreaterThanOrEqual(offsetBefore);
      expect(done).toBeGreaterThanOrEqual(doneBefore);
      expect(counter).toBeGreaterThanOrEqual(counterBefore);
      if (owner !== ownerBefore) expect(counter).toBeGreaterThan(counterBefore);
    }
  }
  expect(state.groups.leaseCount).toBe(leaseCount);
  return after;
}

/** Two ACTIVE streams to be hurt. */
function livingCluster(): ClusterState {
  const state = cluster(2, "off");
  for (const [i, [stream, shardCount]] of (
    [
      ["s", 1],
      ["t", 4],
    ] as const
  ).entries()) {
    decide(state, create(stream, shardCount, KEYS), 1_000);
    decide(state, command("activateStream", { streamId: i + 1 }), 1_000);
    const of = { streamId: i + 1, group: "g", worker: "one", begin: true, changes: [] };
    decide(state, command("updateLeases", of), 1_000);
  }
  const spare = {
    brokerId: "spare",
    az: "az-d",
    address: "spare:1",
    diskId: "disk of spare",
    processId: 1,
    ...UNNAMED,
  };
  decide(state, command("registerBroker", spare), 1_000);
  // One more that is lost, and a majority of some shard is.
  for (const nodeId of ["spare/1", "broker-az-c-0/1", "broker-az-c-1/1"]) {
    decide(state, command("setBrokerState", { nodeId, state: "DOWN" }), 1_000);
  }
  return state;
}

test("no command throws, however strange; a refused one changes nothing; invariants hold after each", () => {
  /** A story that never gets anywhere proves nothing. */
  const effects = new Map<string, number>();
  const step = fc.tuple(anyCommand, fc.integer({ min: 0, max: 10_000_000 }));
  fc.assert(
    fc.property(fc.array(step, { minLength: 40, maxLength: 120, size: "max" }), (commands) => {
      const state = livingCluster();
      let groups = checkGroups(state, new Map());
      for (const [i, [content, nowMs]] of commands.entries()) {
        const entry = decodeCommandEntry(encodeCommandEntry(nowMs, { ...content, commandId: `h${i}` }));
        const before = state.version;
        const { result, changes } = decide(state, entry.command, entry.nowMs);
        const { kind = "" } = entry.command;
        const groupsBefore = groups;
        groups = checkGroups(state, kind === "removeGroup" ? new Map() : groups);
        const isOfGroups = OF_GROUPS.has(kind);
        if (result.error !== null) {
          expect(changes).toBeUndefined();
          expect(groups).toEqual(groupsBefore);
        }
        if (isOfGroups && result.error === null) effects.set(kind, (effects.get(kind) ?? 0) + 1);
        if (isOfGroups) expect(changes).toBeUndefined();
        expect(state.version).toBe(before + (changes === undefined ? 0 : 1));
        expect(result.version).toBe(state.version);
        if (changes === undefined) continue;
        checkInvariants(state);
        effects.set(kind, (effects.get(kind) ?? 0) + 1);
      }
    }),
    { numRuns: 150 },
  );
  for (const kind of Object.keys(anyKind)) {
    if (kind !== "initializeCluster") expect(effects.get(kind) ?? 0, kind).toBeGreaterThan(0);
  }
}, 60_000);
