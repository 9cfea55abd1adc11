import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { KIB, MIB } from "@millrace/util";
import { expect, test } from "vitest";
import { CachedEntry, EntryCache } from "./entry-cache.ts";

const LIMIT_BYTES = 4 * MIB;
const ENTRY_BYTES = 256 * KIB;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Of all that were added, those that something still refers to. */
async function countAlive(payloads: readonly WeakRef<Buffer>[]): Promise<number> {
  // What was made or looked at in a turn lives until its end.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  return payloads.filter((payload) => payload.deref() !== undefined).length;
}

function add(cache: EntryCache, groupId: number, index: number): WeakRef<Buffer> {
  const payload = Buffer.allocUnsafeSlow(ENTRY_BYTES);
  const cached = new CachedEntry(groupId, { index, term: 1, type: "data", payload }, undefined);
  cache.append(cached);
  cached.indexed = true;
  cache.evict();
  return new WeakRef(payload);
}

test("O15: what the cache let go is gone, in groups of few large entries as well", async () => {
  const cache = new EntryCache(LIMIT_BYTES);
  const payloads: WeakRef<Buffer>[] = [];
  for (let index = 1; index <= 60; index++) {
    for (let groupId = 1; groupId <= 8; groupId++) payloads.push(add(cache, groupId, index));
  }
  expect(await countAlive(payloads)).toBeLessThanOrEqual(LIMIT_BYTES / ENTRY_BYTES);
  expect(cache.bytes).toBeLessThanOrEqual(LIMIT_BYTES);
  expect(cache.get(1, 60)?.entry.index).toBe(60);
  expect(cache.get(1, 1)).toBeUndefined();
});

test("what is cut off a log is gone, whatever older entries of other groups there are", async () => {
  const cache = new EntryCache(LIMIT_BYTES);
  const payloads = [add(cache, 1, 1)];
  for (let index = 1; index <= 200; index++) {
    payloads.push(add(cache, 2, index));
    cache.truncatePrefix(2, index - 1);
    payloads.push(add(cache, 3, 1));
    cache.clear(3);
  }
  expect(await countAlive(payloads)).toBe(2);
  expect(cache.get(1, 1)?.entry.index).toBe(1);
  expect(cache.firstIndex(2)).toBe(200);
  expect(cache.firstIndex(3)).toBeUndefined();
});
