import { expect, test } from "vitest";
import { DiskFull } from "./errors.ts";
import { DIRECTORY, entries, READ_ALL, TestMachine } from "./memory/test-machine.ts";

const KIB = 1_024;
const OPTIONS = { reservedFreeBytes: 64 * KIB, ballastSizeBytes: 32 * KIB, segmentSizeBytes: 64 * KIB };

function append(machine: Awaited<ReturnType<TestMachine["open"]>>, fromIndex: number, toIndex: number): Promise<void> {
  return machine.write([{ groupId: 1, entries: entries(fromIndex, toIndex, 1, 2 * KIB) }]);
}

test("D08 a store opens on a disk that others have filled to the last byte, and takes data again when there is room", async () => {
  const machine = new TestMachine();
  machine.disk.setCapacity(10_000 * KIB);
  let store = await machine.open(OPTIONS);
  await append(store, 1, 3);
  await machine.clock.advance(1_000);
  expect(machine.disk.contents(`${DIRECTORY}/ballast`)).toHaveLength(32 * KIB);
  await store.close();

  machine.disk.setCapacity(machine.disk.usedBytes());
  for (let restart = 0; restart < 3; restart++) {
    store = await machine.open(OPTIONS);
    expect(store.canAppend()).toBe(false);
    expect((await store.read(1, 1, 3, READ_ALL)).map(({ index }) => index)).toEqual([1, 2, 3]);
    await expect(append(store, 4, 4)).rejects.toThrow(DiskFull);
    // What a vote needs still goes through.
    await store.write([{ groupId: 1, hardState: { term: 2 + restart, votedFor: undefined, commitIndex: 3 } }]);
    await store.close();
  }

  store = await machine.open(OPTIONS);
  machine.disk.setCapacity(10_000 * KIB);
  await machine.clock.advance(1_000);
  expect(store.canAppend()).toBe(true);
  await append(store, 4, 5);
  await machine.clock.advance(1_000);
  expect(machine.disk.contents(`${DIRECTORY}/ballast`)).toHaveLength(32 * KIB);
  await store.close();
});

test("without a ballast such a disk is an error that says so, and harms nothing", async () => {
  const machine = new TestMachine();
  machine.disk.setCapacity(10_000 * KIB);
  const store = await machine.open({ ...OPTIONS, ballastSizeBytes: 0 });
  await append(store, 1, 3);
  await store.close();
  machine.disk.setCapacity(machine.disk.usedBytes());
  await expect(machine.open({ ...OPTIONS, ballastSizeBytes: 0 })).rejects.toMatchObject({ code: "ENOSPC" });
  machine.disk.setCapacity(10_000 * KIB);
  const again = await machine.open(OPTIONS);
  expect(await again.read(1, 1, 3, READ_ALL)).toHaveLength(3);
  await again.close();
});
