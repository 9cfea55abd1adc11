import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import { type ClusterStatus, type Command, Controller } from "@millrace/proto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RunningController } from "./server.ts";
import { freePort } from "@millrace/util";
import { startRealController } from "./testing/real-controller.ts";

const IDS = ["controller-1", "controller-2", "controller-3"] as const;
let directory: string;
let peers: Map<string, string>;
const running = new Map<string, RunningController>();

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-lost-disk-"));
  peers = new Map();
  for (const id of IDS) peers.set(id, `127.0.0.1:${await freePort()}`);
});

afterEach(async () => {
  for (const id of [...running.keys()]) await stop(id);
  rmSync(directory, { recursive: true });
});

const folder = (id: string): string => join(directory, id);

async function start(controllerId: string): Promise<void> {
  const controller = await startRealController({ controllerId, dataDir: folder(controllerId), peers });
  running.set(controllerId, controller);
}

async function stop(controllerId: string): Promise<void> {
  await running.get(controllerId)?.close({ graceMs: 0 });
  running.delete(controllerId);
}

const reasonsOf = (id: string): string => running.get(id)?.ready().reasons.join("; ") ?? "stopped";
const areReady = (): boolean =>
  running.size === IDS.length && [...running.values()].every((each) => each.ready().ready);

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 40_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(IDS.map((id) => `${id}: ${reasonsOf(id)}`).join("\n"));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The first answer of any controller: the leader's. */
async function ask<T>(
  call: (client: InstanceType<typeof Controller>, done: (error: unknown, value?: T) => void) => void,
): Promise<T> {
  let answer: T | undefined;
  await until(async () => {
    for (const id of running.keys()) {
      const client = new Controller(peers.get(id) as string, credentials.createInsecure());
      answer = await new Promise<T | undefined>((resolve) => call(client, (_error, value) => resolve(value)));
      client.close();
      if (answer !== undefined) return true;
    }
    return false;
  });
  return answer as T;
}

const execute = (command: Command): Promise<{ version: number }> =>
  ask((client, done) => client.execute(command, done));
const status = (): Promise<ClusterStatus> => ask((client, done) => client.status({}, done as never));
const register = (brokerId: string): Command => ({
  commandId: `register ${brokerId}`,
  kind: "registerBroker",
  registerBroker: { brokerId, diskId: "disk", az: "az-a", address: "127.0.0.1:1", processId: 1, clusterId: "" },
});
const brokers = async (): Promise<string[]> =>
  (await status()).nodes.filter(({ role }) => role === "broker").map(({ id }) => id);

test("D21: a first start takes all controllers, says for whom it waits, and begins when the last one is there", async () => {
  await start("controller-1");
  await start("controller-2");
  await until(() => reasonsOf("controller-1").includes("controller-3 has to say"));
  expect(areReady()).toBe(false);
  // Nothing was promised: a disk may be lost now, too.
  await stop("controller-1");
  rmSync(folder("controller-1"), { recursive: true });
  await start("controller-3");
  await start("controller-1");
  await until(areReady);
  await execute(register("broker-1"));
  expect(await brokers()).toEqual(["broker-1"]);
}, 120_000);

test("D21: each controller's disk is lost in turn, and it is filled and has a vote again without a hand", async () => {
  await Promise.all(IDS.map(start));
  await until(areReady);
  for (const id of IDS) {
    await execute(register(`of ${id}`));
    await stop(id);
    rmSync(folder(id), { recursive: true });
    await start(id);
    await until(areReady);
    await until(async () =>
      (await status()).nodes.every(({ role, problems }) => role !== "controller" || problems.length === 0),
    );
  }
  // Not one of the disks is left that the first commands were written to.
  expect(await brokers()).toEqual(IDS.map((id) => `of ${id}`));
  // They go on from what they are now.
  for (const id of IDS) await stop(id);
  await Promise.all(IDS.map(start));
  await until(areReady);
  await execute(register("last"));
  expect(await brokers()).toEqual([...IDS.map((id) => `of ${id}`), "last"]);
}, 240_000);

test("D21: the journal alone is lost: the controller is another one from then on", async () => {
  await Promise.all(IDS.map(start));
  await until(areReady);
  await execute(register("broker-1"));
  const idOf = (): string =>
    (JSON.parse(readFileSync(join(folder("controller-2"), "identity.json"), "utf8")) as { diskId: string }).diskId;
  const before = idOf();
  await stop("controller-2");
  for (const name of ["journal", "index"]) rmSync(join(folder("controller-2"), name), { recursive: true, force: true });
  await start("controller-2");
  await until(areReady);
  expect(idOf()).not.toBe(before);
  expect(await brokers()).toEqual(["broker-1"]);
}, 120_000);

test("D23: a controller's journal is damaged: it is set aside, and the controller is another one from then on", async () => {
  await Promise.all(IDS.map(start));
  await until(areReady);
  await execute(register("broker-1"));
  const journalOf = (id: string): string => join(folder(id), "journal");
  const filesOf = (id: string): string[] => readdirSync(journalOf(id)).toSorted();
  const cutShort = (id: string): void => {
    const path = join(journalOf(id), filesOf(id)[0] as string);
    truncateSync(path, Math.floor(statSync(path).size * 0.6));
  };
  await stop("controller-2");
  cutShort("controller-2");
  await start("controller-2");
  await until(areReady);
  expect(readdirSync(join(folder("controller-2"), "set-aside-1"))).not.toEqual([]);

  // The process died when one file was moved. The others could be taken for a whole journal.
  await stop("controller-3");
  const target = join(folder("controller-3"), "set-aside-1");
  mkdirSync(target);
  for (const name of filesOf("controller-3").slice(0, 1)) {
    renameSync(join(journalOf("controller-3"), name), join(target, name));
  }
  const identity = {
    controllerId: "controller-3",
    diskId: "another",
    stage: "new",
    known: {},
    settingAside: "set-aside-1",
  };
  writeFileSync(join(folder("controller-3"), "identity.json"), JSON.stringify(identity));
  await start("controller-3");
  await until(areReady);
  expect(readFileSync(join(folder("controller-3"), "identity.json"), "utf8")).not.toContain("settingAside");
  expect(await brokers()).toEqual(["broker-1"]);
}, 120_000);

test("a controller whose identity is damaged says what there is to do", async () => {
  mkdirSync(folder("controller-1"));
  writeFileSync(join(folder("controller-1"), "identity.json"), "");
  await expect(start("controller-1")).rejects.toThrow(/identity.json is damaged.* move .*controller-1 away/u);
});

test("D21: two disks are lost at once: nothing goes on, and it says what there is to do", async () => {
  await Promise.all(IDS.map(start));
  await until(areReady);
  for (const id of IDS) await stop(id);
  for (const id of ["controller-1", "controller-3"]) rmSync(folder(id), { recursive: true });
  await Promise.all(IDS.map(start));
  await until(() => ["controller-1", "controller-3"].every((id) => reasonsOf(id).includes("restore")));
  await until(() => reasonsOf("controller-2").includes("no leader"));
  expect([...running.values()].some((each) => each.ready().ready)).toBe(false);
}, 120_000);
