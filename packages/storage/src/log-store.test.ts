import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realWorld } from "@millrace/util";
import type { Entry } from "@millrace/raft";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LogStoreOptions } from "./log-store.ts";
import { openLogStore, type RecoveryReport } from "./open-log-store.ts";

const world = realWorld();
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-storage-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function options(overrides: Partial<LogStoreOptions> = {}): LogStoreOptions {
  return {
    directory,
    attributesOf: (entry) =>
      entry.type === "data" ? { offset: entry.index * 10, timeMs: entry.index * 100 } : undefined,
    segmentSizeBytes: 1024 * 1024,
    cacheSizeBytes: 64 * 1024,
    reservedFreeBytes: 0,
    ...overrides,
  };
}

function entry(index: number, term: number, text = `entry ${index} of term ${term}`): Entry {
  return { index, term, type: "data", payload: Buffer.from(text) };
}

function entries(from: number, to: number, term: number, sizeBytes = 20): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) =>
    entry(from + at, term, `${from + at}/${term} `.padEnd(sizeBytes, "x")),
  );
}

test("what was written is there after reopening", async () => {
  const store = await openLogStore(world, options());
  await store.write([
    { groupId: 7, hardState: { term: 2, votedFor: "broker-1", commitIndex: 1 }, entries: entries(1, 5, 2) },
    {
      groupId: 8,
      truncatePrefix: { index: 3, term: 1, state: Buffer.from("state"), reset: true },
      entries: entries(4, 6, 1, 10_000),
    },
  ]);
  await store.write([{ groupId: 7, entries: entries(4, 6, 3) }]);
  store.saveCheckpoint(7, { index: 3, state: Buffer.from("checkpoint") });
  await store.close();

  let report: RecoveryReport | undefined;
  const again = await openLogStore(world, options(), { onRecovered: (recovered) => (report = recovered) });
  expect(report?.indexRebuilt).toBe(false);
  const [seven, eight] = [...again.groups()];
  expect(seven).toEqual({
    groupId: 7,
    hardState: { term: 2, votedFor: "broker-1", commitIndex: 1 },
    log: {
      truncatedIndex: 0,
      truncatedTerm: 0,
      lastIndex: 6,
      termRuns: [
        { fromIndex: 1, term: 2 },
        { fromIndex: 4, term: 3 },
      ],
    },
    truncationState: Buffer.alloc(0),
    checkpoint: { index: 3, state: Buffer.from("checkpoint") },
  });
  expect(eight?.truncationState.toString()).toBe("state");
  expect(again.cachedEntries(7, 1, 6, { bytesMax: 1e6 })).toBeUndefined();
  expect(await again.read(7, 1, 99, { bytesMax: 1e6 })).toEqual([...entries(1, 3, 2), ...entries(4, 6, 3)]);
  expect(await again.read(8, 4, 6, { bytesMax: 15_000 })).toEqual(entries(4, 4, 1, 10_000));
  expect(again.locateOffset(7, 35)).toBe(3);
  expect(again.locateOffset(7, 5)).toBeUndefined();
  expect(again.locateTime(7, 401)).toBe(5);
  expect(again.locateTime(7, 601)).toBeUndefined();
  await expect(again.read(8, 3, 6, { bytesMax: 1 })).rejects.toMatchObject({ code: "ENTRIES_TRUNCATED" });
  await expect(again.read(8, 7, 7, { bytesMax: 1 })).rejects.toMatchObject({ code: "ENTRIES_MISSING" });
  await again.close();
});

test("D21 it fails when its folder is gone, though its files can still be written", async () => {
  const store = await openLogStore(world, options());
  await store.write([{ groupId: 7, entries: entries(1, 5, 2) }]);
  const failure = new Promise<Error>((resolve) => store.onFailure(resolve));
  const elsewhere = `${directory}.gone`;
  renameSync(directory, elsewhere);
  expect(await failure).toMatchObject({ code: "STORE_FAILED", cause: { code: "ENOENT" } });
  await expect(store.write([{ groupId: 7, entries: entries(6, 6, 2) }])).rejects.toMatchObject({
    code: "STORE_FAILED",
  });
  renameSync(elsewhere, directory);
  await store.close();
});

test("an index that is destroyed is made anew whatever its folder is called, and one that is in use is left alone", async () => {
  const folder = join(directory, "block-storage without permission");
  const store = await openLogStore(world, options({ directory: folder }));
  await store.write([{ groupId: 1, entries: entries(1, 5, 1) }]);
  await expect(openLogStore(world, options({ directory: folder }))).rejects.toThrow("another process uses");
  await store.close();
  for (const name of readdirSync(join(folder, "index"))) {
    if (name.startsWith("MANIFEST")) rmSync(join(folder, "index", name));
  }
  const again = await openLogStore(world, options({ directory: folder }));
  expect(await again.read(1, 1, 5, { bytesMax: 1e6 })).toEqual(entries(1, 5, 1));
  await again.close();
});

test("a destroyed index is made anew from the journal", async () => {
  const store = await openLogStore(world, options({ segmentSizeBytes: 50_000 }));
  for (let at = 0; at < 40; at++) {
    await store.write([
      { groupId: 1, entries: entries(at * 3 + 1, at * 3 + 3, 1 + Math.floor(at / 10), 2_000) },
      {
        groupId: 2,
        hardState: { term: at, votedFor: undefined, commitIndex: at },
        entries: entries(at + 1, at + 1, 1),
      },
    ]);
  }
  await store.write([{ groupId: 1, truncatePrefix: { index: 50, term: 2, state: Buffer.from("t"), reset: false } }]);
  const before = [...[1, 2].map((groupId) => store.summary(groupId))];
  await store.close();
  rmSync(join(directory, "index"), { recursive: true });

  let report: RecoveryReport | undefined;
  const again = await openLogStore(world, options(), { onRecovered: (recovered) => (report = recovered) });
  expect(report?.indexRebuilt).toBe(true);
  expect([1, 2].map((groupId) => again.summary(groupId))).toEqual(before);
  const read = await again.read(1, 51, 120, { bytesMax: 1e9 });
  expect(read.map(({ index }) => index)).toEqual(Array.from({ length: 70 }, (_, at) => 51 + at));
  await again.close();
});

test("D06, T16: a closed segment whose header rots has unreadable entries, and they can be written anew", async () => {
  const written = await openLogStore(world, options({ segmentSizeBytes: 50_000, cacheSizeBytes: 1_000 }));
  for (let at = 0; at < 30; at++) await written.write([{ groupId: 1, entries: entries(at + 1, at + 1, 1, 5_000) }]);
  await written.close();
  const store = await openLogStore(world, options({ segmentSizeBytes: 50_000, cacheSizeBytes: 1_000 }));
  const path = join(directory, "journal", "0000000000000001.journal");
  const bytes = readFileSync(path);
  bytes[20] = (bytes[20] as number) ^ 1;
  writeFileSync(path, bytes);
  const read = (index: number): Promise<readonly Entry[]> => store.read(1, index, index, { bytesMax: 1e6 });
  for (const index of [1, 2]) {
    await expect(read(index)).rejects.toMatchObject({ code: "CORRUPT_ENTRY", groupId: 1, index, file: path });
    const [copy] = entries(index, index, 1, 5_000);
    expect(await store.repair(1, copy as Entry)).toBe(true);
    expect(await read(index)).toEqual([copy]);
  }
  expect(await read(30)).toEqual(entries(30, 30, 1, 5_000));
  await store.close();
});
