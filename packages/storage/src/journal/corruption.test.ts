/** Damage at every place: what was acknowledged is there, or the store says that it is not. Never silently less. */
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Entry } from "@millrace/raft";
import { CorruptEntry, CorruptJournal } from "../errors.ts";
import type { LogStore } from "../log-store.ts";
import { seededRandom } from "../memory/manual-clock.ts";
import { DIRECTORY, entries, READ_ALL, TestMachine } from "../memory/test-machine.ts";
import { FileWindow, scanGroup } from "./scan.ts";

// Each place opens a store of its own; a machine that does other things as well takes its time.
vi.setConfig({ testTimeout: 120_000 });

const PATH = `${DIRECTORY}/journal/0000000000000001.journal`;
const WRITES: Entry[][] = [entries(1, 2, 1, 40), entries(3, 3, 1, 5_000), entries(4, 6, 2, 30), entries(7, 7, 2, 700)];
const ALL = WRITES.flat();

let intact: Buffer;
/** Where each write group begins, and the end of the last. The first is the table, the last a seal. */
let bounds: number[];

async function write(machine: TestMachine): Promise<LogStore> {
  const store = await machine.open();
  for (const part of WRITES) await store.write([{ groupId: 1, entries: part }]);
  await machine.clock.advance(2_000);
  return store;
}

beforeAll(async () => {
  const machine = new TestMachine();
  await write(machine);
  intact = machine.disk.contents(PATH);
  bounds = [0];
  const file = await machine.disk.mount().open(PATH, { create: false });
  const window = new FileWindow(file);
  for (let at = 0; at < intact.length;) {
    const group = await scanGroup(window, at, 1, undefined, () => undefined);
    if (!group.valid) throw new Error(group.detail);
    at = group.endBytes;
    bounds.push(at);
  }
});

type Outcome = "all there" | "refused" | "marked" | "some are gone";

/** Opens what `damage` left, with the index as it was, or without it. */
async function outcomeOf(bytes: Buffer, index: "kept" | "destroyed"): Promise<Outcome> {
  const machine = new TestMachine();
  await write(machine);
  machine.crash();
  machine.disk.setContents(PATH, bytes);
  if (index === "destroyed") await machine.destroyIndex();
  let store: LogStore;
  try {
    store = await machine.open();
  } catch (error) {
    if (error instanceof CorruptJournal) return "refused";
    throw error;
  }
  const last = store.summary(1)?.lastIndex ?? 0;
  let outcome: Outcome = last < ALL.length ? "some are gone" : "all there";
  for (let index = 1; index <= last; index++) {
    try {
      expect(await store.read(1, index, index, READ_ALL)).toEqual([ALL[index - 1]]);
    } catch (error) {
      if (!(error instanceof CorruptEntry)) throw error;
      expect(error).toMatchObject({ groupId: 1, index, file: PATH });
      outcome = "marked";
    }
  }
  return outcome;
}

function flipped(at: number, bit: number): Buffer {
  const bytes = Buffer.from(intact);
  bytes[at] = (bytes[at] as number) ^ (1 << bit);
  return bytes;
}

/** Every byte, but for long payloads only some. */
function places(): number[] {
  const wanted: number[] = [];
  for (let at = 0; at < intact.length; at++) {
    const near = bounds.some((bound) => Math.abs(at - bound) < 56);
    if (near || at % 151 === 0) wanted.push(at);
  }
  return wanted;
}

describe("a flipped bit", () => {
  test("with the index: is found when the entry is read", async () => {
    const found = new Map<Outcome, number>();
    for (const at of places()) {
      const outcome = await outcomeOf(flipped(at, at % 8), "kept");
      found.set(outcome, (found.get(outcome) ?? 0) + 1);
    }
    expect([...found.keys()]).not.toContain("some are gone");
    expect(found.get("marked")).toBeGreaterThan(40);
  });

  test("without the index: the journal is refused, up to the seal that proves the last write", async () => {
    const sealStart = bounds.at(-2) as number;
    for (const at of places()) {
      const outcome = await outcomeOf(flipped(at, (at + 3) % 8), "destroyed");
      expect([at, outcome]).toEqual([at, at < sealStart ? "refused" : "all there"]);
    }
  });
});

describe("a file that is cut", () => {
  test("with the index: is refused, since what is missing was durable", async () => {
    for (const at of places()) {
      const outcome = await outcomeOf(intact.subarray(0, at), "kept");
      expect([at, outcome]).toEqual([at, "refused"]);
    }
  });

  test("without the index and anything behind it: is a torn tail, cut at the last whole write group", async () => {
    for (const at of places()) {
      const outcome = await outcomeOf(intact.subarray(0, at), "destroyed");
      const whole = bounds.filter((bound) => bound <= at).length - 1;
      expect([at, outcome]).toEqual([at, whole >= bounds.length - 2 ? "all there" : "some are gone"]);
    }
  });
});

test("blocks in another order are noticed", async () => {
  const random = seededRandom(7);
  const blocks = Math.floor(intact.length / 512);
  for (let round = 0; round < 60; round++) {
    const bytes = Buffer.from(intact);
    const a = random.between(0, blocks - 1) * 512;
    const b = random.between(0, blocks - 1) * 512;
    intact.copy(bytes, a, b, b + 512);
    intact.copy(bytes, b, a, a + 512);
    if (bytes.equals(intact)) continue;
    expect(["marked", "refused", "all there"]).toContain(await outcomeOf(bytes, "kept"));
    expect(await outcomeOf(bytes, "destroyed")).toBe("refused");
  }
});

test("an unacknowledged write that is torn at any byte is cut off, and what came before it stays", async () => {
  const start = bounds.at(-2) as number; // the seal goes, the last write group becomes the newest
  const from = bounds.at(-3) as number;
  for (let at = from; at < start; at += at < from + 60 ? 1 : 9) {
    const machine = new TestMachine();
    machine.disk.mount();
    await machine.disk.mount().makeDirectory(`${DIRECTORY}/journal`);
    // Written up to `at`, with the blocks of the file's earlier life behind it.
    machine.disk.setContents(PATH, Buffer.concat([intact.subarray(0, at), Buffer.alloc(start - at, 0xa5)]));
    const store = await machine.open();
    expect(machine.report?.tornBytes).toBe(start - from);
    expect(await store.read(1, 1, 99, READ_ALL)).toEqual(ALL.slice(0, 6));
  }
});

function withOtherSalt(journal: Buffer): Buffer {
  const payload = Buffer.concat([journal, Buffer.alloc(9_000)]);
  const salt = journal.subarray(16, 24);
  let count = 0;
  for (let at = payload.indexOf(salt); at !== -1; at = payload.indexOf(salt)) {
    payload.fill(0x5a, at, at + salt.length);
    count++;
  }
  expect(count).toBeGreaterThan(3);
  return payload;
}

test("a record that holds a journal's bytes is not taken for a later write group", async () => {
  const machine = new TestMachine();
  const store = await machine.open();
  await store.write([{ groupId: 1, entries: entries(1, 1, 1) }]);
  // What a user could store who knows the format: later groups of the same segment, from another store. Each segment's
  // salt is random, and that is what a forger does not know (here all stores draw from one seed, so it is changed).
  const forged: Entry = { index: 2, term: 1, type: "data", payload: withOtherSalt(intact) };
  machine.disk.fault = (operation) => (operation === "datasync" ? new Error("EIO") : undefined);
  await expect(store.write([{ groupId: 1, entries: [forged] }])).rejects.toMatchObject({ code: "STORE_FAILED" });
  machine.disk.fault = undefined;
  const torn = machine.disk.contents(PATH);
  machine.crash();
  machine.disk.setContents(PATH, torn.subarray(0, torn.length - 100));
  const again = await machine.open();
  expect(await again.read(1, 1, 9, READ_ALL)).toEqual(entries(1, 1, 1));
});
