import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, status } from "@grpc/grpc-js";
import {
  type Command,
  type CommandResult__Output,
  Controller,
  type ControllerClient,
  type MetadataUpdate__Output,
} from "@millrace/proto";
import { realWorld, silentLogger } from "@millrace/util";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type RunningController, startController } from "./server.ts";

const IDS = ["controller-1", "controller-2", "controller-3"];
let directory: string;
let peers: Map<string, string>;
let running: Map<string, RunningController>;
let clients: Map<string, ControllerClient>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-controller-"));
  peers = new Map();
  for (const id of IDS) peers.set(id, `127.0.0.1:${await freePort()}`);
  running = new Map();
  clients = new Map([...peers].map(([id, address]) => [id, new Controller(address, credentials.createInsecure())]));
  await Promise.all(IDS.map(start));
});

afterEach(async () => {
  for (const client of clients.values()) client.close();
  await Promise.all([...running.values()].map((controller) => controller.close({ graceMs: 0 })));
  rmSync(directory, { recursive: true });
});

async function start(controllerId: string): Promise<void> {
  const controller = await startController({
    world: realWorld(),
    logger: silentLogger,
    registry: new Registry(),
    listen: peers.get(controllerId) as string,
    onFatal: (error) => {
      throw error;
    },
    az: "az-a",
    controllerId,
    dataDir: join(directory, controllerId),
    peers,
    initialSettings: { quotas: "aws" },
  });
  running.set(controllerId, controller);
}

async function stop(controllerId: string): Promise<void> {
  await running.get(controllerId)?.close({ graceMs: 0 });
  running.delete(controllerId);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
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
  for (const [i, az] of ["az-a", "az-b", "az-c"].entries()) await execute(register(`broker-${i}`, az));
  const created = await execute(createStream);
  expect(created.result.error).toBeNull();

  const updates: MetadataUpdate__Output[] = [];
  const follower = IDS.find((id) => id !== created.by) as string;
  const call = clients.get(follower)?.watch({ knownVersion: 0, clusterId: "" });
  call?.on("data", (update: MetadataUpdate__Output) => updates.push(update));
  call?.on("error", () => undefined);
  const stream = await until(() => updates.flatMap(({ streams }) => streams).find(({ shards }) => shards.length === 2));
  expect(stream.status).toBe("CREATING");
  expect(updates[0]?.cluster?.tokenKey).toHaveLength(32);

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
  const error = await new Promise<{ code?: number; metadata?: { get(key: string): unknown[] } }>((resolve) => {
    clients.get(follower)?.execute(createStream, (refused) => resolve(refused ?? {}));
  });
  expect(error.code).toBe(status.FAILED_PRECONDITION);
  expect(error.metadata?.get("millrace-leader")).toEqual([peers.get(by)]);
  const bad = await new Promise<number | undefined>((resolve) => {
    clients.get(by)?.execute({ commandId: "" }, (refused) => resolve(refused?.code));
  });
  expect(bad).toBe(status.INVALID_ARGUMENT);
}, 40_000);
