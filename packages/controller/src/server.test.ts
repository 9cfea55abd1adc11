import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, status } from "@grpc/grpc-js";
import {
  type Command,
  type CommandResult__Output,
  Controller,
  type ControllerClient,
  type LeasesResult,
  type MetadataUpdate__Output,
} from "@millrace/proto";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RunningController } from "./server.ts";
import { freePort } from "@millrace/util";
import { startRealController } from "./testing/real-controller.ts";

const IDS = ["controller-1", "controller-2", "controller-3"];
let directory: string;
let peers: Map<string, string>;
let running: Map<string, RunningController>;
let clients: Map<string, ControllerClient>;
let registries: Map<string, Registry>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-controller-"));
  peers = new Map();
  for (const id of IDS) peers.set(id, `127.0.0.1:${await freePort()}`);
  running = new Map();
  registries = new Map();
  clients = new Map([...peers].map(([id, address]) => [id, new Controller(address, credentials.createInsecure())]));
  await Promise.all(IDS.map(start));
});

afterEach(async () => {
  for (const client of clients.values()) client.close();
  await Promise.all([...running.values()].map((controller) => controller.close({ graceMs: 0 })));
  rmSync(directory, { recursive: true });
});

async function start(controllerId: string): Promise<void> {
  const registry = new Registry();
  registries.set(controllerId, registry);
  const controller = await startRealController({
    controllerId,
    dataDir: join(directory, controllerId),
    peers,
    registry,
  });
  running.set(controllerId, controller);
}

async function stop(controllerId: string): Promise<void> {
  await running.get(controllerId)?.close({ graceMs: 0 });
  running.delete(controllerId);
}

/** Asks every controller until the leader answers. */
async function execute(command: Command): Promise<{ result: CommandResult__Output; by: string }> {
  const deadline = performance.now() + 15_000;
  while (performance.now() < deadline) {
    for (const id of running.keys()) {
      const result = await new Promise<CommandResult__Output | number>((resolve) => {
        clients.get(id)?.execute(command, (error, value) => resolve(value ?? error?.code ?? status.UNKNOWN));
      });
      if (typeof result !== "number") return { result, by: id };
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("no controller answered");
}

const register = (brokerId: string, az: string): Command => ({
  commandId: `register ${brokerId}`,
  registerBroker: { brokerId, az, address: `${brokerId}:1`, diskId: "d", processId: 1 },
});
const createStream: Command = {
  commandId: "create",
  createStream: { key: { accountId: "000000000000", region: "us-east-1", name: "s" }, shardCount: 2 },
};

async function until<T>(ask: () => T | undefined): Promise<T> {
  const deadline = performance.now() + 15_000;
  for (let answer = ask(); ; answer = ask()) {
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error("not in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a stream is created, becomes ACTIVE when brokers lead its shards, and outlives the leading controller", async () => {
  const early: Command = {
    commandId: "early",
    createStream: { key: { accountId: "000000000000", region: "us-east-1", name: "early" }, shardCount: 1 },
  };
  expect((await execute(early)).result.error?.code).toBe("NOT_ENOUGH_ZONES");
  for (const [i, az] of ["az-a", "az-b", "az-c"].entries()) await execute(register(`broker-${i}`, az));
  // What an SDK repeats is decided anew once brokers are there, and once only.
  const repeatedLater = await execute(early);
  expect(repeatedLater.result.error).toBeNull();
  expect((await execute(early)).result).toEqual(repeatedLater.result);
  const created = await execute(createStream);
  expect(created.result.error).toBeNull();

  const updates: MetadataUpdate__Output[] = [];
  const follower = IDS.find((id) => id !== created.by) as string;
  const call = clients.get(follower)?.watch({ knownVersion: 0, clusterId: "" });
  call?.on("data", (update: MetadataUpdate__Output) => updates.push(update));
  call?.on("error", () => undefined);
  const stream = await until(() => updates.flatMap(({ streams }) => streams).find(({ shards }) => shards.length === 2));
  expect(stream.status).toBe("CREATING");
  // A replica that lags says first that it is alive, before it knows the cluster's key.
  expect(updates.find(({ cluster }) => cluster)?.cluster?.tokenKey).toHaveLength(32);

  // Brokers say that they lead: the stream becomes ACTIVE.
  const heartbeat = setInterval(() => {
    for (const i of [0, 1, 2]) {
      const ledGroups = stream.shards
        .filter((shard) => shard.replicas[0] === `broker-${i}/1`)
        .map(({ groupId }) => ({ groupId, term: 1 }));
      for (const id of running.keys()) {
        clients.get(id)?.heartbeat({ nodeId: `broker-${i}/1`, ledGroups }, () => undefined);
      }
    }
  }, 50);
  try {
    await until(() => updates.flatMap(({ streams }) => streams).find((each) => each.status === "ACTIVE"));
    await stop(created.by);
    const repeated = await execute(createStream);
    expect(repeated.by).not.toBe(created.by);
    expect(repeated.result).toEqual(created.result);
    const second = await execute({ ...createStream, commandId: "another" });
    expect(second.result.error?.code).toBe("STREAM_EXISTS");
    await start(created.by);
    expect(updates.map(({ version }) => version)).toEqual([...new Set(updates.map(({ version }) => version))]);
  } finally {
    clearInterval(heartbeat);
    call?.cancel();
  }
}, 40_000);

test("one that follows names the leader, and refuses what is no command", async () => {
  const { by } = await execute(register("broker-0", "az-a"));
  const follower = IDS.find((id) => id !== by) as string;
  const ask = () =>
    new Promise<{ code?: number; metadata?: { get(key: string): unknown[] } }>((resolve) => {
      clients.get(follower)?.execute(createStream, (refused) => resolve(refused ?? {}));
    });
  // It may have slept through the election: a majority was enough.
  let error = await ask();
  while (error.metadata?.get("millrace-leader").length === 0) error = await ask();
  expect(error.code).toBe(status.FAILED_PRECONDITION);
  expect(error.metadata?.get("millrace-leader")).toEqual([peers.get(by)]);
  const bad = await new Promise<number | undefined>((resolve) => {
    clients.get(by)?.execute({ commandId: "" }, (refused) => resolve(refused?.code));
  });
  expect(bad).toBe(status.INVALID_ARGUMENT);
}, 40_000);

/** Collects what a watch at one controller brings, until it is cancelled. */
function watch(
  id: string,
  knownVersion: number,
  clusterId = "",
): { updates: MetadataUpdate__Output[]; cancel(): void } {
  const updates: MetadataUpdate__Output[] = [];
  const call = clients.get(id)?.watch({ knownVersion, clusterId });
  call?.on("data", (update: MetadataUpdate__Output) => updates.push(update));
  call?.on("error", () => undefined);
  return { updates, cancel: () => call?.cancel() };
}

async function registerBrokers(): Promise<string> {
  let leader = "";
  for (const [i, az] of ["az-a", "az-b", "az-c"].entries())
    ({ by: leader } = await execute(register(`broker-${i}`, az)));
  return leader;
}

/** What a newcomer is told by one controller, once that has `version`. */
async function everythingAt(id: string, version: number): Promise<MetadataUpdate__Output> {
  const watched = watch(id, 0);
  await until(() => watched.updates.find((update) => update.version >= version));
  watched.cancel();
  const fresh = watch(id, 0);
  const everything = await until(() => fresh.updates[0]);
  fresh.cancel();
  expect(everything.full).toBe(true);
  return everything;
}

test("a watch goes on at another controller with what it missed, and nothing else", async () => {
  const leader = await registerBrokers();
  const [first, second] = IDS.filter((id) => id !== leader) as [string, string];
  const before = watch(first, 0);
  const { version, cluster } = await until(() => before.updates.find(({ brokers }) => brokers.length === 3));
  before.cancel();
  // One that has not heard of the cluster yet could not know that this is the same one.
  await everythingAt(second, version);
  await execute(createStream);
  const after = watch(second, version, cluster?.clusterId);
  // A replica that lags says first that it is alive, with the version that it has.
  const update = await until(() => after.updates.find((each) => each.version > version));
  after.cancel();
  expect(after.updates.every(({ full }) => !full)).toBe(true);
  expect(update).toMatchObject({ version: version + 1, brokers: [] });
  expect(update.streams.map(({ key }) => key?.name)).toEqual(["s"]);
}, 40_000);

test("all controllers stopped and started again know the same, and answer a repeated command alike", async () => {
  await registerBrokers();
  const created = await execute(createStream);
  const before = await everythingAt(created.by, created.result.version);
  await Promise.all(IDS.map(stop));
  await Promise.all(IDS.map(start));
  const repeated = await execute(createStream);
  expect(repeated.result).toEqual(created.result);
  for (const id of IDS) {
    const after = await everythingAt(id, before.version);
    expect(after.cluster).toEqual(before.cluster);
    expect(after.streams.map(({ shards }) => shards)).toEqual(before.streams.map(({ shards }) => shards));
  }
}, 40_000);

test("a command that is repeated while it is on its way is one decision", async () => {
  const by = await registerBrokers();
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      () =>
        new Promise<CommandResult__Output | undefined>((resolve) =>
          clients.get(by)?.execute(createStream, (_error, value) => resolve(value)),
        ),
    ),
  );
  expect(answers[0]?.error).toBeNull();
  expect(answers).toEqual(answers.map(() => answers[0]));
  const text = await registries.get(by)?.metrics();
  expect(text).toMatch(/duration_seconds_count\{kind="createStream",outcome="ok"\} 1\n/);
  expect(text).toMatch(/^millrace_shards 2$/m);
}, 40_000);

test("a consumer group's leases outlive the leading controller, are told by a leader only, and to nobody who watches", async () => {
  await registerBrokers();
  const { by, result } = await execute(createStream);
  const update = (commandId: string, updateLeases: object): Promise<{ result: CommandResult__Output; by: string }> =>
    execute({ commandId, updateLeases: { streamId: 1, group: "billing", worker: "w", ...updateLeases } });
  expect((await update("begin", { begin: true })).result).toMatchObject({ error: null, version: result.version });
  expect((await update("take", { changes: [{ shardNumber: 1, nextOffset: 7 }] })).result.refusedShards).toEqual([]);
  expect((await update("late", { changes: [{ shardNumber: 1, counter: 9 }] })).result.refusedShards).toEqual([1]);
  await stop(by);
  const renewed = await update("renew", { changes: [{ shardNumber: 1, counter: 1, nextOffset: 9 }] });
  expect(renewed.result).toMatchObject({ error: null, refusedShards: [], version: result.version });
  const leases = (id: string): Promise<LeasesResult | number> =>
    new Promise((resolve) => {
      const request = { streamId: 1, group: "billing" };
      clients.get(id)?.leases(request, (error, value) => resolve(value ?? error?.code ?? status.UNKNOWN));
    });
  expect(await leases(renewed.by)).toEqual({
    exists: true,
    leases: [{ shardNumber: 1, owner: "w", counter: 2, nextOffset: 9, done: false, claimant: "" }],
    groups: ["billing"],
  });
  const follower = [...running.keys()].find((id) => id !== renewed.by) as string;
  expect(await leases(follower)).toBe(status.FAILED_PRECONDITION);
}, 40_000);

test("a command that is too large is refused before it is in the log", async () => {
  const by = await registerBrokers();
  const tags = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, "x".repeat(1_000)]));
  const code = await new Promise<number | undefined>((resolve) => {
    const large = { commandId: "large", createStream: { ...createStream.createStream, tags } };
    clients.get(by)?.execute(large, (error) => resolve(error?.code));
  });
  expect(code).toBe(status.INVALID_ARGUMENT);
}, 40_000);

test("a controller that was away for longer than the log reaches back is brought up by the state alone", async () => {
  await registerBrokers();
  const { by, result } = await execute(createStream);
  expect(result.error).toBeNull();
  const away = IDS.find((id) => id !== by) as string;
  await stop(away);
  const nodeId = "broker-0/1";
  // By whoever leads: who is to lead takes over as soon as it can, under load too.
  const set = (i: number) => {
    const state = i % 2 === 0 ? "DRAINING" : "UP";
    return execute({ commandId: `set ${i}`, setBrokerState: { nodeId, state } });
  };
  // Some hundred at a time, and more than the log is allowed to hold.
  for (let i = 0; i < 4_200; i += 300) {
    const answers = await Promise.all(Array.from({ length: 300 }, (_, j) => set(i + j)));
    for (const answer of answers) expect(answer.result.error).toBeNull();
  }
  const { version } = (await execute(register("broker-9", "az-a"))).result;
  await start(away);
  const caughtUp = await everythingAt(away, version);
  expect(caughtUp.brokers).toHaveLength(4);
  expect(caughtUp.streams.map(({ key }) => key?.name)).toEqual(["s"]);
}, 60_000);
