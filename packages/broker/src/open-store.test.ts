import { type LogStore, MemoryDisk, MemoryIndexes, openLogStore } from "@millrace/storage";
import { realWorld, silentLogger, type World } from "@millrace/util";
import { beforeEach, expect, test } from "vitest";
import { hasIdentity, type Identity, loadIdentity, saveIdentity } from "./identity.ts";
import { openBrokerStore } from "./open-store.ts";
import { shardEntryAttributes } from "./shard/entries.ts";

const DIRECTORY = "/data";
const JOURNAL = `${DIRECTORY}/journal/`;
let memory: MemoryDisk;
let indexes: MemoryIndexes;
let world: World;

beforeEach(async () => {
  memory = new MemoryDisk();
  indexes = new MemoryIndexes();
  world = { ...realWorld(), disk: memory.mount() };
  await world.disk.makeDirectory(DIRECTORY);
});

const open = (): Promise<LogStore> =>
  openLogStore(
    world,
    {
      directory: DIRECTORY,
      attributesOf: shardEntryAttributes,
      segmentSizeBytes: 1e6,
      cacheSizeBytes: 1e6,
      reservedFreeBytes: 0,
    },
    { index: indexes },
  );

const openOrSetAside = (): Promise<LogStore> =>
  openBrokerStore({ world, logger: silentLogger, dataDir: DIRECTORY, index: indexes, open });

async function become(replicationFactor: number): Promise<Identity> {
  const nobody = await loadIdentity(world.disk, world.random, DIRECTORY, "broker-1");
  const identity = { ...nobody, incarnation: 1, clusterId: "c", replicationFactor };
  await saveIdentity(world.disk, DIRECTORY, identity);
  return identity;
}

/** Writes, stops without a word, and loses a bit before the last write. */
async function damage(): Promise<void> {
  const store = await open();
  for (let index = 1; index <= 5; index++) {
    const entry = { index, term: 1, type: "noop", payload: Buffer.alloc(0) } as const;
    await store.write([{ groupId: 16, entries: [entry] }]);
  }
  memory.crash({ unsyncedWrites: "kept", random: world.random });
  indexes.crash(0);
  world = { ...world, disk: memory.mount() };
  await indexes.destroy(`${DIRECTORY}/index`);
  const sizeOf = (path: string): number => memory.contents(path).length;
  const files = memory.paths().filter((path) => path.startsWith(JOURNAL));
  const path = files.toSorted((a, b) => sizeOf(b) - sizeOf(a))[0] as string;
  const bytes = memory.contents(path);
  const second = bytes.indexOf("MRWG", 1);
  expect(bytes.indexOf("MRWG", second + 1)).toBeGreaterThan(second);
  memory.flipBit(path, second + 10);
}

test("a journal that cannot be trusted is set aside, name first, and the broker begins anew", async () => {
  const before = await become(3);
  await damage();
  await expect(open()).rejects.toMatchObject({ code: "CORRUPT_JOURNAL" });
  const store = await openOrSetAside();
  expect([...store.groups()]).toEqual([]);
  expect(await hasIdentity(world.disk, `${DIRECTORY}/set-aside-1`)).toBe(true);
  expect(memory.paths().some((path) => path.startsWith(`${DIRECTORY}/set-aside-1/0`))).toBe(true);
  const after = await loadIdentity(world.disk, world.random, DIRECTORY, "broker-1");
  expect(after.diskId).not.toBe(before.diskId);
  expect(after.incarnation).toBe(0);
  await store.close();
});

test("what was cut short in the middle goes on where it was", async () => {
  await become(0);
  await damage();
  let left = 1;
  memory.fault = (operation) => (operation === "rename" && left-- <= 0 ? new Error("the power went") : undefined);
  await expect(openOrSetAside()).rejects.toThrow("the power went");
  memory.fault = undefined;
  const store = await openOrSetAside();
  expect([...store.groups()]).toEqual([]);
  expect(memory.paths().some((path) => path.startsWith(`${DIRECTORY}/set-aside-2`))).toBe(false);
  await store.close();
});

test("the only copy is never set aside, and a disk that does it again and again is given up", async () => {
  await become(1);
  await damage();
  await expect(openOrSetAside()).rejects.toMatchObject({ code: "CORRUPT_JOURNAL" });
  await become(3);
  for (let times = 0; times < 3; times++) {
    if (times > 0) await damage();
    await (await openOrSetAside()).close();
    await become(3);
  }
  await damage();
  await expect(openOrSetAside()).rejects.toMatchObject({ code: "CORRUPT_JOURNAL" });
  // Unless somebody who knows better removes the folders, as the log asks for.
  memory.removeAll(`${DIRECTORY}/set-aside-`);
  await (await openOrSetAside()).close();
});
