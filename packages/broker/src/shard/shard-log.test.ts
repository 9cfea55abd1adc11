import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BatchBuilder } from "@millrace/client";
import { createRaftHost, type GroupHandle, type PeerTransport, type RaftHost } from "@millrace/multiraft";
import { decodeAppendResult, ShardLogStatus } from "@millrace/proto";
import { type LogStore, openLogStore } from "@millrace/storage";
import { ClusterClock, MIB, realWorld, silentLogger } from "@millrace/util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";
import { shardEntryAttributes } from "./entries.ts";
import { ShardLog } from "./shard-log.ts";

const GROUP_ID = 16;
const world = realWorld();
let directory: string;
let store: LogStore;
let host: RaftHost;
let shard: ShardLog;
let group: GroupHandle;

/** Nobody else is there. */
const alone: PeerTransport = {
  start: () => undefined,
  setPeers: () => undefined,
  send: () => false,
  bufferedBytes: () => 0,
  onDrain: (_, listener) => queueMicrotask(listener),
  close: () => Promise.resolve(),
};

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-shard-log-"));
  store = await openLogStore(world, {
    directory,
    attributesOf: shardEntryAttributes,
    segmentSizeBytes: 16 * MIB,
    cacheSizeBytes: MIB,
    reservedFreeBytes: 0,
  });
  host = createRaftHost({ ...world, nodeId: "a", logger: silentLogger, store, transport: alone, onFatal: fail });
  const clock = new ClusterClock(world.clock);
  shard = new ShardLog({ groupId: GROUP_ID, store, clock, createdAtMs: () => 0, budget: new ByteBudget(MIB) });
  group = host.openGroup({
    groupId: GROUP_ID,
    membership: { voters: ["a"], votersOutgoing: [], learners: [] },
    stateMachine: shard,
    preferredLeader: "a",
    checkpointEveryEntries: 100,
  });
  shard.attach(group);
  await expect.poll(() => shard.isLeading).toBe(true);
});

afterEach(async () => {
  await host.close();
  await store.close();
  rmSync(directory, { recursive: true });
});

function fail(error: Error): void {
  throw error;
}

interface Answer {
  readonly status: ShardLogStatus;
  readonly body: Buffer;
  /** When it came. */
  readonly closed: boolean;
}

function append(id: number): Promise<Answer> {
  const builder = new BatchBuilder();
  const record = Buffer.from("record");
  builder.addRecord(record, 0, 1, record, 0, record.length);
  const batch = builder.seal({ flags: 0, batchId: Buffer.alloc(16, id) });
  return new Promise((resolve) => {
    shard.append({ batch, quotas: false }, (status, body) => {
      resolve({ status, body, closed: shard.position.closed });
    });
  });
}

test("what comes behind the end of a shard is told so when the end is committed, and not before", async () => {
  const before = append(1);
  shard.close();
  const [behind, repetition] = [append(2), append(1)];
  expect(await behind).toMatchObject({ status: ShardLogStatus.closed, closed: true });
  const first = await before;
  expect(first.status).toBe(ShardLogStatus.ok);
  expect(decodeAppendResult((await repetition).body)).toEqual(decodeAppendResult(first.body));
  expect(await append(3)).toMatchObject({ status: ShardLogStatus.closed });
});

test("an end that could not be proposed, for a moment, is proposed again, and until then the shard takes batches", async () => {
  let refusals = 1;
  const propose: GroupHandle["propose"] = (...entry) => (refusals-- > 0 ? undefined : group.propose(...entry));
  // As it is while leadership is being handed over, to somebody who does not take it.
  shard.attach(new Proxy(group, { get: (target, name) => (name === "propose" ? propose : bound(target, name)) }));
  shard.close();
  expect(await append(1)).toMatchObject({ status: ShardLogStatus.notLeader });
  expect(await append(2)).toMatchObject({ status: ShardLogStatus.ok, closed: false });
  shard.close();
  await expect.poll(() => shard.position.closed).toBe(true);
});

function bound(target: GroupHandle, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target);
  return typeof value === "function" ? (value.bind(target) as unknown) : value;
}
